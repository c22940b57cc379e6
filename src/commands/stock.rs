//! `counterflow stock`: what a stock keeper says, and what inventory has.

use std::collections::BTreeSet;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use client::Publisher;
use prometheus::Registry;
use schemas::{
    Encoder,
    domain::{Event, Fact, StockAdjusted, StockReceived},
    ids, validate,
};
use serde::Serialize;

use crate::{
    config::Config,
    context::Context,
    exit::{End, Misuse},
    output, progress,
    wiring::{open_codec, open_publisher, open_store, publisher_config},
};

mod show;

const EXAMPLE: &str = "\
Example:
  counterflow stock receive 2341083=100 2341084=50 --id delivery-17
  counterflow stock adjust 2341083=-2 --reason damaged
  counterflow stock show 2341083";

const EXAMPLE_RECEIVE: &str = "\
Example:
  counterflow stock receive 2341083=100 2341084=50 --id delivery-17";

const EXAMPLE_ADJUST: &str = "\
Example:
  counterflow stock adjust 2341083=-2 2341084=5 --reason counted --id count-2026-11-21";

/// Publishes movements of stock, and shows what inventory has made of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Says that goods came in
    #[command(after_help = EXAMPLE_RECEIVE)]
    Receive {
        /// What came in, as SKU=QUANTITY; the SKU is the item id in decimal
        #[arg(required = true, value_parser = received, value_name = "SKU=QUANTITY")]
        items: Vec<Item>,
        /// The name of the delivery: sent again under the same name, it counts once
        #[arg(long, value_parser = name)]
        id: Option<String>,
    },
    /// Says what a count has found: the difference to what was thought to be there
    #[command(after_help = EXAMPLE_ADJUST)]
    Adjust {
        /// What to add to what is on hand, as SKU=CHANGE
        #[arg(required = true, value_parser = adjusted, value_name = "SKU=CHANGE")]
        items: Vec<Item>,
        /// Why, in a word
        #[arg(long)]
        reason: String,
        /// The name of the count: sent again under the same name, it counts once
        #[arg(long, value_parser = name)]
        id: Option<String>,
    },
    Show(show::Arguments),
}

/// A SKU and how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    sku: String,
    quantity: i64,
}

enum Movement {
    Received(StockReceived),
    Adjusted(StockAdjusted),
}

/// A movement that is on every in-sync replica.
#[derive(Debug, Serialize)]
struct Published {
    sku: String,
    quantity: i64,
    event_id: String,
}

pub(crate) async fn run(context: &Context, asked: Arguments) -> anyhow::Result<End> {
    let now = jiff::Timestamp::now().as_microsecond();
    let (movements, name) = match asked.action {
        Action::Show(what) => {
            let config = context.start_once(&[])?;
            let store = open_store(&config, "inventory")?;
            return show::run(store.as_ref(), &what, asked.json).await;
        }
        Action::Receive { items, id } => {
            named_once(&items)?;
            let name = named(id);
            (valid(receipts(items, &name, now), now)?, name)
        }
        Action::Adjust { items, reason, id } => {
            named_once(&items)?;
            let name = named(id);
            (valid(counts(items, &name, &reason, now), now)?, name)
        }
    };
    let config = context.start_once(&["kafka.bootstrap_servers"])?;
    // What was published before the failure, or may have been, has its id from the name.
    let published = publish(&config, movements).await.with_context(|| {
        format!("try again with --id {name:?}: what is published already counts once")
    })?;
    if asked.json {
        output::json(&published)?;
    } else {
        let line = |one: &Published| {
            vec![
                one.sku.clone(),
                format!("{:+}", one.quantity),
                one.event_id.clone(),
            ]
        };
        let rows: Vec<Vec<String>> = published.iter().map(line).collect();
        output::text(&output::columns(&rows))?;
    }
    Ok(End::Done)
}

/// The name of a delivery or count; a new one when none was given.
fn named(id: Option<String>) -> String {
    id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string())
}

/// A movement is known by its delivery and its SKU, so a second one of the same SKU would be taken
/// for the first.
fn named_once(items: &[Item]) -> Result<(), Misuse> {
    let mut skus = BTreeSet::new();
    let twice: BTreeSet<&str> = (items.iter())
        .map(|item| item.sku.as_str())
        .filter(|sku| !skus.insert(*sku))
        .collect();
    if twice.is_empty() {
        return Ok(());
    }
    let named: Vec<&str> = twice.into_iter().collect();
    Err(Misuse(format!(
        "named more than once: {}; say the sum, or give each its own --id",
        named.join(", ")
    )))
}

fn receipts(items: Vec<Item>, id: &str, now: i64) -> Vec<Movement> {
    let receipt = |item: Item| {
        Movement::Received(StockReceived {
            event_id: ids::derived(&format!("{id}:{}", item.sku), "stock.received"),
            sku: item.sku,
            occurred_at: now,
            causation_id: None,
            quantity: item.quantity,
        })
    };
    items.into_iter().map(receipt).collect()
}

fn counts(items: Vec<Item>, id: &str, reason: &str, now: i64) -> Vec<Movement> {
    let count = |item: Item| {
        Movement::Adjusted(StockAdjusted {
            event_id: ids::derived(&format!("{id}:{}", item.sku), "stock.adjusted"),
            sku: item.sku,
            occurred_at: now,
            causation_id: None,
            quantity_change: item.quantity,
            reason: reason.to_owned(),
        })
    };
    items.into_iter().map(count).collect()
}

/// What no reader would take is refused before anything of it is published.
fn valid(movements: Vec<Movement>, now: i64) -> Result<Vec<Movement>, Misuse> {
    let times = validate::Times::known_by(now);
    for movement in &movements {
        let (sku, fact) = match movement {
            Movement::Received(one) => (&one.sku, Fact::StockReceived(one.clone())),
            Movement::Adjusted(one) => (&one.sku, Fact::StockAdjusted(one.clone())),
        };
        validate::event(&Event::Fact(fact), times)
            .map_err(|refused| Misuse(format!("SKU {sku}: {refused}")))?;
    }
    Ok(movements)
}

async fn publish(config: &Config, movements: Vec<Movement>) -> anyhow::Result<Vec<Published>> {
    let codec = open_codec(config, &Registry::new()).await?;
    let settings = publisher_config(config, "counterflow-stock");
    let publisher = open_publisher(&settings, &Registry::new())?;
    let bar = progress::bar(movements.len() as u64, "publishing");
    let mut published = Vec::new();
    let mut failed = None;
    for movement in movements {
        match send(&publisher, codec.encoder(), movement).await {
            Ok(one) => published.push(one),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    publisher.close(std::time::Duration::ZERO).await;
    match failed {
        None => Ok(published),
        Some(error) => {
            let done = published.len();
            let error = anyhow::Error::new(error);
            Err(error.context(format!("{done} movements were published before this one")))
        }
    }
}

async fn send(
    publisher: &Publisher,
    encoder: &Encoder,
    movement: Movement,
) -> Result<Published, client::stock::StockError> {
    match movement {
        Movement::Received(movement) => {
            let published = Published {
                sku: movement.sku.clone(),
                quantity: movement.quantity,
                event_id: movement.event_id.clone(),
            };
            client::stock::stock_received(publisher, encoder, movement).await?;
            Ok(published)
        }
        Movement::Adjusted(movement) => {
            let published = Published {
                sku: movement.sku.clone(),
                quantity: movement.quantity_change,
                event_id: movement.event_id.clone(),
            };
            client::stock::stock_adjusted(publisher, encoder, movement).await?;
            Ok(published)
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let name = validate::id("invalid_id", "the name", text).map(|()| text.to_owned());
    name.map_err(|refused| refused.to_string())
}

fn received(text: &str) -> Result<Item, String> {
    let item = item(text).filter(|item| item.quantity > 0);
    item.ok_or_else(|| "expected SKU=QUANTITY with at least 1, such as 2341083=100".to_owned())
}

fn adjusted(text: &str) -> Result<Item, String> {
    let item = item(text).filter(|item| item.quantity != 0);
    item.ok_or_else(|| "expected SKU=CHANGE other than 0, such as 2341083=-2".to_owned())
}

fn item(text: &str) -> Option<Item> {
    let (sku, quantity) = text.split_once('=')?;
    // A SKU is an item id in decimal, written in one way only.
    let item_id: i64 = sku.parse().ok().filter(|item_id| *item_id > 0)?;
    (item_id.to_string() == sku).then_some(Item {
        sku: sku.to_owned(),
        quantity: quantity.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_a_sku_and_a_quantity() {
        let one = |sku: &str, quantity| Item {
            sku: sku.to_owned(),
            quantity,
        };
        assert_eq!(received("2341083=100"), Ok(one("2341083", 100)));
        assert_eq!(adjusted("2341083=-2"), Ok(one("2341083", -2)));
        for wrong in ["2341083", "=1", "x=1", "02=1", "1=0", "1=x", "1=-1", "-1=1"] {
            assert!(received(wrong).is_err(), "{wrong}");
        }
        assert!(adjusted("2341083=0").is_err());
    }

    #[test]
    fn what_no_reader_would_take_is_refused_before_it_is_published() {
        let now = validate::OLDEST;
        let receipt = |text: &str| receipts(vec![received(text).unwrap()], "delivery-17", now);
        assert!(valid(receipt("7=100"), now).is_ok());
        let refused = valid(receipt("7=9223372036854775807"), now).err().unwrap();
        assert!(refused.to_string().contains("SKU 7"), "{refused}");
        let count = |reason: &str| counts(vec![adjusted("8=6").unwrap()], "count", reason, now);
        assert!(valid(count("damaged"), now).is_ok());
        for reason in ["", "x".repeat(100_000).as_str()] {
            assert!(valid(count(reason), now).is_err());
        }
        for id in ["", " ", "a\u{0}b"] {
            assert!(name(id).is_err(), "{id:?}");
        }
        assert_eq!(name("delivery-17").as_deref(), Ok("delivery-17"));
    }

    #[test]
    fn a_sku_that_is_named_twice_is_refused_by_name() {
        let items = |texts: &[&str]| -> Vec<Item> {
            texts.iter().map(|text| received(text).unwrap()).collect()
        };
        assert!(named_once(&items(&["7=100", "8=100"])).is_ok());
        let refused = named_once(&items(&["7=100", "8=1", "7=50", "9=1", "9=1"]));
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("7, 9") && !refused.contains('8'),
            "{refused}"
        );
    }

    #[test]
    fn the_same_delivery_is_the_same_movement_of_each_sku() {
        let items = || vec![received("1=5").unwrap(), received("2=5").unwrap()];
        let ids = |id: &str| -> Vec<String> {
            let of = |movement: Movement| match movement {
                Movement::Received(movement) => movement.event_id,
                Movement::Adjusted(movement) => movement.event_id,
            };
            receipts(items(), id, 0).into_iter().map(of).collect()
        };
        assert_eq!(ids("delivery-17"), ids("delivery-17"));
        assert_ne!(ids("delivery-17"), ids("delivery-18"));
        let [first, second] = &ids("delivery-17")[..] else {
            panic!("two items are two movements");
        };
        assert_ne!(first, second);
    }
}
