//! Lives of a spool, and what is done to its files afterwards.

use fuzz::input::Seed;

/// Short segments, so that a life fills several.
const SHORT: u8 = 30;
/// Long enough for all of a life.
const LONG: u8 = 255;

/// What is done to which file, and where; with what, the caller adds.
fn damage(file: u8, kind: u8, at: u16) -> Seed {
    Seed::default().byte(file).byte(kind).u16(at)
}

/// Damage, and the life before it: 0 drains, any other number appends so many records.
fn life(segment: u8, damages: &[Seed], steps: &[u8]) -> Vec<u8> {
    let mut seed = Seed::default().byte(segment);
    seed = seed.byte(u8::try_from(damages.len()).unwrap());
    for damage in damages {
        seed = seed.rest(&damage.clone().bytes());
    }
    for step in steps {
        seed = seed.byte(*step);
        for number in 0..*step {
            let payload = [b"CFS1 a purchase ".as_slice(), &[number; 24]].concat();
            seed = seed.chunk(b"key-1").chunk(&payload).chunk(b"");
        }
    }
    seed.bytes()
}

const FLIP: u8 = 0;
const CUT: u8 = 1;
const ZERO: u8 = 2;
const OVERWRITE: u8 = 3;
const APPEND: u8 = 4;

/// Each kind of damage, alone and together, in one segment and in several.
pub(crate) fn lives() -> Vec<Vec<u8>> {
    let one = |damage: Seed| life(LONG, &[damage], &[3, 2]);
    let several = |damages: &[Seed]| life(SHORT, damages, &[2, 3, 0, 1, 2, 0, 3, 1]);
    let partly_drained = |damage: Seed| life(LONG, &[damage], &[2, 0, 2, 0, 3]);
    vec![
        life(SHORT, &[], &[]),
        life(LONG, &[], &[3, 2]),
        several(&[]),
        life(SHORT, &[], &[1, 0, 1, 0]),
        one(damage(0, FLIP, 150).byte(0x41)),
        one(damage(0, FLIP, 4).byte(0x80)),
        one(damage(0, CUT, 300)),
        one(damage(0, ZERO, 100).u16(60)),
        one(damage(0, OVERWRITE, 90).chunk(b"CFS1\xff\xff\xff\x00")),
        one(damage(0, APPEND, 0).chunk(b"CFS1\x40\x00\x00\x00")),
        several(&[damage(1, CUT, 0)]),
        several(&[damage(0, FLIP, 20).byte(1)]),
        several(&[damage(1, FLIP, 130).byte(2), damage(2, CUT, 100)]),
        // The checkpoint is the last file.
        several(&[damage(3, FLIP, 15).byte(1)]),
        partly_drained(damage(1, CUT, 5)),
        partly_drained(damage(1, ZERO, 0).u16(100)),
        partly_drained(damage(1, OVERWRITE, 3).chunk(b"\xc5")),
    ]
}
