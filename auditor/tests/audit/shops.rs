//! What shops publish in a world.

use std::sync::Arc;

use schemas::{Encoder, Purchase, domain::TenderKind};
use simulator::{Plan, action::Deed, shop::Shop};

use crate::world::{World, now};

impl World {
    /// Has shops do so many actions, at a rate per second or as fast as it goes.
    pub(crate) async fn publish(&self, actions: u64, rate: Option<f64>) {
        let mut plan = simulator::Plan::new(7, now());
        (plan.count, plan.rate) = (Some(actions), rate);
        plan.shares = simulator::Shares {
            duplicates: 0.05,
            conflicts: 0.03,
            declined: 0.05,
            out_of_stock: 0.05,
            cancelled: 0.05,
            cancelled_early: 0.03,
            poison: 0.03,
            ..plan.shares
        };
        let ways = simulator::Ways {
            publisher: Arc::clone(&self.publisher),
            encoder: Encoder::new(),
            storefront: None,
            journal: Some(self.folder.path().join("intents")),
            shows_progress: false,
        };
        simulator::run(&plan, ways, std::future::pending())
            .await
            .unwrap();
    }

    /// Has shops buy on and on, now and then something that nobody can read.
    pub(crate) async fn publish_on(&self, rate: f64) {
        let mut plan = simulator::Plan::quiet(7, now());
        (plan.count, plan.rate) = (None, Some(rate));
        plan.shares.poison = 0.05;
        let ways = simulator::Ways {
            publisher: Arc::clone(&self.publisher),
            encoder: Encoder::new(),
            storefront: None,
            journal: None,
            shows_progress: false,
        };
        let closed = simulator::run(&plan, ways, std::future::pending()).await;
        closed.unwrap();
    }
}

/// Publishes a purchase by card of each name.
pub(crate) async fn buy(world: &World, names: &[&str]) {
    for (name, purchase) in names.iter().zip(by_card()) {
        publish_as(world, name, purchase).await;
    }
}

/// Says something else of a purchase that [`buy`] published, and each time something else.
pub(crate) async fn contradict(world: &World, name: &str, number: u64) {
    let purchase = Purchase {
        customer_id: format!("customer-{number}"),
        ..by_card().next().unwrap()
    };
    publish_as(world, name, purchase).await;
}

fn by_card() -> impl Iterator<Item = Purchase> {
    let plan = Plan::quiet(11, now());
    let bought = Shop::new(&plan).filter_map(|action| match action.deed {
        Deed::Buy { purchase, .. } => Some(*purchase),
        _ => None,
    });
    bought.filter(|purchase: &Purchase| {
        (purchase.tenders.iter()).all(|tender| tender.kind == TenderKind::Card)
    })
}

async fn publish_as(world: &World, name: &str, purchase: Purchase) {
    let of_whom = format!("{name}:{}", purchase.customer_id);
    let purchase = Purchase {
        purchase_id: name.to_owned(),
        event_id: schemas::ids::derived(&of_whom, "test.purchased"),
        ..purchase
    };
    let encoded = Encoder::new().encode_purchase(&purchase, 3).unwrap();
    world.publisher.publish(encoded).await.unwrap();
}
