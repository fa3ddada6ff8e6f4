//! The steps of the checks, in an order that needs one job slot.

use crate::checks::{Checks, Patience};
use crate::facts::{
    AT_ONCE, Findings, OF_DEVICES, OF_THROTTLING, PAST_START, PAYLOAD, QUERIES, SCHEDULED, UNKNOWN,
    UNREADABLE_CONDITION, Untested, Verdict,
};
use crate::jobs::Jobs;
use crate::target::Target;
use crate::{life, queries, refusals, scheduled};

/// Checks the facts. If it is dropped, jobs may be left open.
pub(crate) async fn check_facts(
    target: &Target,
    jobs: &Jobs,
    slots: usize,
    patience: Patience,
    findings: &mut Findings,
) {
    let hub = &Checks { jobs, patience };
    let found = target.stranger.get_scheduled_job(&jobs.id("unknown")).await;
    findings.record("unauthorized", Verdict::of_refusal(&found, 401, None));
    let step = life::check_unknown_job(hub, findings).await;
    hub.end(UNKNOWN, step, findings).await;
    let step = scheduled::check_scheduled_job(hub, slots, findings).await;
    hub.end(SCHEDULED, step, findings).await;
    let step = life::check_job_at_once(hub, findings).await;
    hub.end(AT_ONCE, step, findings).await;
    let step = life::check_past_start(hub, findings).await;
    hub.end(PAST_START, step, findings).await;
    let step = life::check_unreadable_condition(hub, findings).await;
    hub.end(UNREADABLE_CONDITION, step, findings).await;
    let step = life::check_payload(hub, findings).await;
    hub.end(PAYLOAD, step, findings).await;
    refusals::check_refusals(jobs, findings).await;
    let step = queries::check_queries(jobs, findings).await;
    hub.end(QUERIES, step, findings).await;
    findings.end(OF_DEVICES, Err(Untested::new("it needs a device")));
    findings.end(OF_THROTTLING, Err(Untested::new("it needs more calls than the limit allows")));
}
