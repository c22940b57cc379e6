//! Makes a failing run shorter: faults and deeds are left out as long as it still fails, halves first.

use crate::plan::Plan;

/// Runs of it at most.
const TRIES: usize = 400;

/// The shortest plan that was found; `fails` says whether a run of it does.
pub(crate) fn shortened(plan: Plan, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut tries = TRIES;
    let mut fails = |plan: &Plan| {
        tries = tries.saturating_sub(1);
        tries > 0 && fails(plan)
    };
    let mut best = plan;
    loop {
        let before = best.clone();
        best = without(best, |plan| plan.faults.len(), drop_faults, &mut fails);
        best = without(best, |plan| plan.deeds.len(), drop_deeds, &mut fails);
        best = simpler(best, &mut fails);
        if best == before {
            return best;
        }
    }
}

fn drop_faults(plan: &mut Plan, range: std::ops::Range<usize>) {
    plan.faults.drain(range);
}

fn drop_deeds(plan: &mut Plan, range: std::ops::Range<usize>) {
    plan.deeds.drain(range);
}

/// Leaves out runs of elements, ever shorter ones.
fn without(
    mut best: Plan,
    count: impl Fn(&Plan) -> usize,
    drop: impl Fn(&mut Plan, std::ops::Range<usize>),
    fails: &mut impl FnMut(&Plan) -> bool,
) -> Plan {
    let mut size = count(&best).div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < count(&best) {
            let mut tried = best.clone();
            drop(&mut tried, from..(from + size).min(count(&best)));
            if fails(&tried) {
                best = tried;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    best
}

/// One process, one lane, one input at a time, nothing lost.
fn simpler(best: Plan, fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    let changes: [fn(&mut Plan); 9] = [
        |plan| plan.shape.loss = 0.0,
        |plan| plan.shape.behind = None,
        |plan| plan.shape.processes = 1,
        |plan| plan.shape.lanes = 1,
        |plan| plan.shape.linger_millis = 0,
        |plan| plan.shape.batch_records_max = 1,
        |plan| plan.shape.client_events = 1_000,
        |plan| plan.shape.units = 1_000,
        |plan| plan.shape.opens_filled = true,
    ];
    changes.into_iter().fold(best, |best, change| {
        let mut tried = best.clone();
        change(&mut tried);
        match tried != best && fails(&tried) {
            true => tried,
            false => best,
        }
    })
}
