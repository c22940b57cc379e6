//! The spool's promise: in order, bounded, and kept through crashes and failing disks.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use super::disk::SegmentFile;
use super::*;

fn record(number: u64) -> Record {
    Record {
        topic: "shop.purchases.v1".into(),
        key: Some(format!("key-{}", number % 3).into_bytes()),
        payload: Some(vec![number as u8; 100]),
        headers: Vec::new(),
        event_id: format!("event-{number}"),
    }
}

fn records(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers.map(record).collect()
}

fn small(folder: &Path) -> SpoolConfig {
    SpoolConfig {
        segment_bytes: 1_000,
        ..SpoolConfig::in_folder(folder)
    }
}

/// Drains until nothing waits; gives the event ids.
fn drain_all(drain: &mut Drain) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(chunk) = drain.next_chunk().unwrap() {
        ids.extend((chunk.entries.iter()).map(|entry| entry.record.event_id.clone()));
        drain.confirm(&chunk);
    }
    ids
}

fn ids(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|number| format!("event-{number}")).collect()
}

fn spool_files(folder: &Path) -> usize {
    segment::list(folder).unwrap().len()
}

#[tokio::test]
async fn records_come_out_in_the_order_in_which_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut drain, recovery) = Spool::open(small(folder.path())).unwrap();
    assert_eq!(recovery, Recovery::default());
    for start in (0..60).step_by(20) {
        spool.append(records(start..start + 20)).await.unwrap();
    }
    assert!(!spool.is_empty());
    assert!(spool.backlog().oldest_at.is_some());
    assert_eq!(drain_all(&mut drain), ids(0..60));
    assert!(spool.is_empty());
    assert_eq!(spool.backlog(), Backlog::default());
    assert_eq!(spool_files(folder.path()), 0, "drained files go");
}

#[tokio::test]
async fn appends_and_drains_side_by_side_keep_every_record_and_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut drain, _) = Spool::open(small(folder.path())).unwrap();
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        while !drain.is_closed() {
            seen.extend(drain_all(&mut drain));
            drain.wait(std::time::Duration::from_millis(20));
        }
        seen.extend(drain_all(&mut drain));
        seen
    });
    for number in 0..300 {
        spool.append(vec![record(number)]).await.unwrap();
    }
    drop(spool);
    assert_eq!(reader.join().unwrap(), ids(0..300));
    assert_eq!(spool_files(folder.path()), 0);
}

#[tokio::test]
async fn draining_goes_on_where_it_was_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path());
    let (spool, mut drain, _) = Spool::open(config.clone()).unwrap();
    for number in 0..30 {
        spool.append(vec![record(number)]).await.unwrap();
    }
    let chunk = drain.next_chunk().unwrap().unwrap();
    let confirmed = chunk.entries.len() as u64;
    drain.confirm(&chunk);
    let unconfirmed = drain.next_chunk().unwrap().unwrap();
    assert!(!unconfirmed.entries.is_empty());
    drop((spool, drain));

    let (spool, mut drain, recovery) = Spool::open(config).unwrap();
    assert_eq!(recovery.records, 30 - confirmed);
    let first = spool.append(vec![record(30)]).await.unwrap();
    assert!(first >= 30, "sequences are not given twice");
    assert_eq!(drain_all(&mut drain), ids(confirmed..31));
}

#[tokio::test]
async fn a_full_spool_refuses_and_accepts_again_once_drained() {
    let folder = tempfile::tempdir().unwrap();
    let config = SpoolConfig {
        bytes_max: 2_000,
        ..small(folder.path())
    };
    let (spool, mut drain, _) = Spool::open(config).unwrap();
    let mut accepted = 0;
    let refusal = loop {
        match spool.append(vec![record(accepted)]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 100);
    };
    assert!(matches!(refusal, SpoolError::Full(_)), "{refusal}");
    assert!(spool.backlog().bytes <= 2_000);
    assert_eq!(drain_all(&mut drain), ids(0..accepted));
    spool.append(vec![record(accepted)]).await.unwrap();
}

#[test]
fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _held = Spool::open(small(folder.path())).unwrap();
    let second = Spool::open(small(folder.path()));
    assert!(matches!(second, Err(SpoolOpenError::InUse(_))));
}

/// Fails the appends or syncs that it is told to.
#[derive(Clone, Default)]
struct FaultyDisk(Arc<Mutex<Vec<io::ErrorKind>>>);

struct FaultyFile(Box<dyn SegmentFile>, FaultyDisk);

impl FaultyDisk {
    fn fail_next(&self, kind: io::ErrorKind) {
        self.0.lock().unwrap().push(kind);
    }
}

impl Disk for FaultyDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = LocalDisk.create(path)?;
        Ok(Box::new(FaultyFile(file, self.clone())))
    }
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.1.0.lock().unwrap().pop() {
            // As a full disk does: part of it is written.
            Some(kind) => {
                self.0.append(&bytes[..bytes.len() / 2])?;
                Err(kind.into())
            }
            None => self.0.append(bytes),
        }
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
    fn cut(&mut self, _bytes: u64) -> io::Result<()> {
        Err(io::ErrorKind::Other.into())
    }
}

/// Has on the disk only what was synced, as a machine that loses its power.
struct VolatileDisk;

struct VolatileFile {
    file: Box<dyn SegmentFile>,
    unsynced: Vec<u8>,
}

impl Disk for VolatileDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(VolatileFile {
            file: LocalDisk.create(path)?,
            unsynced: Vec::new(),
        }))
    }
}

impl SegmentFile for VolatileFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsynced.extend_from_slice(bytes);
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        self.file.append(&std::mem::take(&mut self.unsynced))?;
        self.file.sync()
    }
    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.unsynced.clear();
        self.file.cut(bytes)
    }
}

#[tokio::test]
async fn what_is_acknowledged_survives_the_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path());
    let (spool, drain, _) = Spool::open_on(config.clone(), Box::new(VolatileDisk)).unwrap();
    for number in 0..30 {
        spool.append(vec![record(number)]).await.unwrap();
    }
    drop((spool, drain));
    let (_spool, mut drain, recovery) = Spool::open(config).unwrap();
    assert_eq!(recovery.records, 30);
    assert_eq!(drain_all(&mut drain), ids(0..30));
}

#[tokio::test]
async fn a_full_disk_refuses_and_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path());
    let disk = FaultyDisk::default();
    let (spool, mut drain, _) = Spool::open_on(config.clone(), Box::new(disk.clone())).unwrap();
    spool.append(records(0..2)).await.unwrap();
    disk.fail_next(io::ErrorKind::StorageFull);
    let full = spool.append(records(50..52)).await;
    assert!(matches!(full, Err(SpoolError::Full(_))), "{full:?}");
    disk.fail_next(io::ErrorKind::Other);
    let failed = spool.append(records(60..62)).await;
    assert!(matches!(failed, Err(SpoolError::Transient(_))));
    spool.append(records(2..4)).await.unwrap();
    assert_eq!(drain_all(&mut drain), ids(0..4));
    assert!(spool.is_empty());
}

#[tokio::test]
async fn what_a_failed_append_left_behind_does_not_disturb_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let config = small(folder.path());
    let disk = FaultyDisk::default();
    let (spool, drain, _) = Spool::open_on(config.clone(), Box::new(disk.clone())).unwrap();
    spool.append(records(0..2)).await.unwrap();
    disk.fail_next(io::ErrorKind::StorageFull);
    spool.append(vec![record(50)]).await.unwrap_err();
    spool.append(records(2..4)).await.unwrap();
    drop((spool, drain));
    let (_spool, mut drain, recovery) = Spool::open(config).unwrap();
    assert_eq!(recovery.records, 4);
    assert!(recovery.torn_bytes > 0);
    assert_eq!(recovery.damaged_bytes, 0);
    assert_eq!(drain_all(&mut drain), ids(0..4));
}

#[tokio::test]
async fn damage_while_running_is_set_aside_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut drain, _) = Spool::open(SpoolConfig::in_folder(folder.path())).unwrap();
    spool.append(records(0..3)).await.unwrap();
    let name = segment::list(folder.path()).unwrap()[0];
    let path = name.path(folder.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(drain_all(&mut drain), ["event-0", "event-2"]);
    assert!(spool.is_empty());
    let set_aside = std::fs::read_dir(folder.path()).unwrap().filter(|file| {
        (file.as_ref().unwrap().path().extension()).is_some_and(|end| end == "corrupt")
    });
    assert_eq!(set_aside.count(), 1);
}
