//! On which record of a purchase a group acts: the first that can be read, unless the group had set
//! that one aside when it came to a later one.
//!
//! Without this a redrive, and a purchase that was sent again behind a record that was set aside,
//! would look like an alteration for ever. Only records that the group has read are possible; which
//! of them it was is borne out by what the group keeps, and where nothing bears one out it is the
//! first.

use schemas::topics::PURCHASES;

use super::{Around, accepted, analytics::counted, dispatch_row, timeline};
use crate::{
    Group,
    case::{Bought, Case},
    shard::{Shard, Standing},
};

/// Finds out for every group that has not acted on the first.
pub(crate) fn place(case: &mut Case, shard: &Shard, around: &Around<'_>) {
    let Some(first) = case.bought.as_ref().filter(|_| !case.again.is_empty()) else {
        return;
    };
    let mut acting = Vec::new();
    for group in Group::ALL
        .into_iter()
        .filter(|group| group.reads(PURCHASES))
    {
        if !shard.was_set_aside(group, first.at) {
            continue;
        }
        let is_read =
            |bought: &Bought| shard.standing(group, bought.at, around.books) == Standing::Read;
        let mut again = (case.again.iter().enumerate()).filter(|(_, bought)| is_read(bought));
        let borne_out = again
            .clone()
            .find(|(_, bought)| bears_out(case, group, bought));
        // A first record that is still set aside had no effect.
        let another = match is_read(first) {
            true if bears_out(case, group, first) => None,
            true => borne_out,
            false => borne_out.or_else(|| again.next()),
        };
        acting.extend(another.map(|(index, _)| (group, index)));
    }
    case.acting.extend(acting);
}

/// Whether what a group keeps is of this record.
fn bears_out(case: &Case, group: Group, bought: &Bought) -> bool {
    if accepted::kept(case, group) != Some(bought.hash.as_str()) {
        return false;
    }
    match group {
        Group::Payment | Group::Inventory => true,
        Group::Dispatch => dispatch_row::is_of(case, bought),
        Group::Analytics => counted::is_of(case, bought),
        Group::Timeline => timeline::is_of(case, bought),
    }
}
