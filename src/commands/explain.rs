//! `counterflow explain`: everything that is known of one purchase, and why it stands where it
//! stands.

mod open_work;

use clap::Args;
use runtime::{
    bookkeeping::rows::{DeadLetter, Parked},
    rows::Row,
    store::{Cells, Mode, Statement, Store, StoreError},
};
use serde::Serialize;
use timeline::{Explanation, Reader};

use self::open_work::OpenWork;

use crate::{
    config::Config, context::Context, exit::End, groups::GroupName, output, rows,
    wiring::open_store,
};

const EXAMPLE: &str = "\
Example:
  counterflow explain 7c9e6679-7425-50de-944b-e07fc1f90ae7
  counterflow explain 7c9e6679-7425-50de-944b-e07fc1f90ae7 --json";

/// Explains a purchase: every event with its cause, and what each group decided
///
/// Reads the groups' databases and nothing else; a database that is away is said to be, and the
/// rest is shown. Exits 1 when nothing is known of the purchase.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// The purchase
    purchase_id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known of a purchase.
#[derive(Debug, Serialize)]
struct Explained {
    purchase_id: String,
    timeline: Option<Explanation>,
    groups: Vec<OfGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline_away: Option<String>,
}

/// What one group knows of it.
#[derive(Debug, Serialize)]
struct OfGroup {
    group: &'static str,
    /// What it decided and why; none when it knows nothing of the purchase.
    decision: Option<String>,
    /// Records of the purchase that it set aside.
    set_aside: Vec<SetAside>,
    /// Records of the purchase that wait for a newer build.
    parked: Vec<String>,
    /// What it still has to do, and until when.
    open_work: Vec<OpenWork>,
    /// Why the group's database could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    away: Option<String>,
}

/// A record that was set aside.
#[derive(Debug, Serialize)]
struct SetAside {
    dead_letter_id: String,
    reason: String,
    detail: String,
    state: String,
}

pub(crate) async fn run(context: &Context, asked: &Arguments) -> anyhow::Result<End> {
    let config = context.start_once(&[])?;
    let explained = explain(&config, &asked.purchase_id).await?;
    if !explained.is_known()
        && let Some(why) = explained.unasked()
    {
        anyhow::bail!(
            "whether {} is known cannot be said: {why}",
            asked.purchase_id
        );
    }
    match asked.json {
        true => output::json(&explained)?,
        false => output::text(&as_text(&explained))?,
    }
    Ok(if explained.is_known() {
        End::Done
    } else {
        End::No
    })
}

async fn explain(config: &Config, purchase_id: &str) -> anyhow::Result<Explained> {
    let reader = Reader::new(open_store(config, GroupName::Timeline.as_str())?);
    let (timeline, timeline_away) = match reader.explain(purchase_id).await {
        Ok(found) => (found, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut groups = Vec::new();
    for group in GroupName::ALL {
        let store = open_store(config, group.as_str())?;
        let known = of_group(store.as_ref(), group, purchase_id).await;
        groups.push(known.unwrap_or_else(|error| OfGroup {
            group: group.as_str(),
            decision: None,
            set_aside: Vec::new(),
            parked: Vec::new(),
            open_work: Vec::new(),
            away: Some(error.to_string()),
        }));
    }
    Ok(Explained {
        purchase_id: purchase_id.to_owned(),
        timeline,
        groups,
        timeline_away,
    })
}

async fn of_group(
    store: &dyn Store,
    group: GroupName,
    purchase_id: &str,
) -> Result<OfGroup, StoreError> {
    let id = purchase_id.to_owned();
    let decision = match group {
        GroupName::Payment => {
            let row = rows::of_lead::<payment::Payment>(store, &id).await?.pop();
            row.map(|row| payment::explain(&row))
        }
        GroupName::Inventory => {
            let row = rows::of_lead::<inventory::Reservation>(store, &id)
                .await?
                .pop();
            row.map(|row| row.explain())
        }
        GroupName::Dispatch => {
            let row = rows::of_lead::<dispatch::Dispatch>(store, &id).await?.pop();
            row.map(|row| dispatch::explain(&row))
        }
        GroupName::Analytics => {
            let row = rows::of_lead::<analytics::rows::CountedRow>(store, &id)
                .await?
                .pop();
            row.map(|row| analytics::explain(&row, &analytics::Windows::default()))
        }
        // What it decided is the timeline above.
        GroupName::Timeline => None,
    };
    let set_aside = of_key::<DeadLetter>(store, purchase_id).await?;
    let parked = of_key::<Parked>(store, purchase_id).await?;
    let open_work = open_work::of(store, purchase_id).await?;
    Ok(OfGroup {
        group: group.as_str(),
        decision,
        set_aside: set_aside.into_iter().map(SetAside::from).collect(),
        parked: parked.into_iter().map(where_parked).collect(),
        open_work,
        away: None,
    })
}

/// The rows whose record has the purchase as its key.
async fn of_key<R: Row>(store: &dyn Store, purchase_id: &str) -> Result<Vec<R>, StoreError> {
    let columns = rows::columns::<R>();
    let table = R::TABLE.name;
    let text = |key: &str| {
        format!(
            "SELECT {columns} FROM {table} WHERE record_key = {key} \
             ORDER BY topic, partition, record_offset"
        )
    };
    let statement = Statement::new(text("($1::bytea[])[1]"), text("?1"));
    let key = Cells::Bytes(vec![Some(purchase_id.as_bytes().to_vec())]);
    let mut snapshot = store.begin(Mode::Snapshot).await?;
    let found = rows::query(snapshot.as_mut(), &statement, vec![key]).await?;
    snapshot.commit().await?;
    Ok(found)
}

impl From<DeadLetter> for SetAside {
    fn from(letter: DeadLetter) -> Self {
        Self {
            dead_letter_id: letter.dead_letter_id,
            reason: letter.reason,
            detail: letter.detail,
            state: letter.state,
        }
    }
}

fn where_parked(parked: Parked) -> String {
    let min_reader = parked.min_reader;
    format!("{} needs reader version {min_reader}", parked.record().at)
}

impl Explained {
    /// Why a database could not be asked, if one could not.
    fn unasked(&self) -> Option<&str> {
        let of_groups = self.groups.iter().map(|group| group.away.as_deref());
        let mut all = std::iter::once(self.timeline_away.as_deref()).chain(of_groups);
        all.find_map(|away| away)
    }

    fn is_known(&self) -> bool {
        self.timeline.is_some()
            || (self.groups.iter()).any(|group| {
                group.decision.is_some()
                    || !group.set_aside.is_empty()
                    || !group.parked.is_empty()
                    || !group.open_work.is_empty()
            })
    }
}

fn as_text(explained: &Explained) -> String {
    let mut text = match (&explained.timeline, &explained.timeline_away) {
        (Some(timeline), _) => timeline.to_string(),
        (None, Some(why)) => format!("the timeline cannot be read: {why}\n"),
        (None, None) => format!("the timeline knows nothing of {}\n", explained.purchase_id),
    };
    for group in &explained.groups {
        let name = group.group;
        if let Some(decision) = &group.decision {
            text.push_str(&format!("{name}: {decision}\n"));
        }
        for letter in &group.set_aside {
            let SetAside {
                dead_letter_id,
                reason,
                detail,
                state,
            } = letter;
            text.push_str(&format!(
                "{name}: {state} {dead_letter_id}, {reason}: {detail}\n"
            ));
        }
        for parked in &group.parked {
            text.push_str(&format!("{name}: parked {parked}\n"));
        }
        for open in &group.open_work {
            text.push_str(&format!("{name}: {open}\n"));
        }
        if let Some(why) = &group.away {
            text.push_str(&format!("{name}: cannot be read: {why}\n"));
        }
    }
    text
}
