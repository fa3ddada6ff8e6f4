//! The task that lets the events of a hub happen when their time comes.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fleet::MethodAnswer;
use crate::hub::Hub;
use crate::jobs::{HandlerCall, Progress};

/// A finished call of a device's handler.
struct Finished {
    call: HandlerCall,
    answer: Result<MethodAnswer, Box<dyn Any + Send>>,
    took: Duration,
}

/// Lets the events of the hub happen, for ever.
///
/// This is the only task that changes the hub by the clock, so that events happen in their order. The
/// handlers of devices run on threads of their own: they may block.
pub(crate) async fn drive(hub: Arc<Hub>) {
    let mut calls = JoinSet::new();
    loop {
        let progress = hub.process();
        let due = hub.schedule().take_calls();
        for call in due {
            calls.spawn_blocking(move || invoke(call));
        }
        while let Some(finished) = calls.try_join_next() {
            record(&hub, finished.ok());
        }
        match progress {
            Progress::Due => tokio::task::yield_now().await,
            Progress::Blocked => record(&hub, calls.join_next().await.and_then(Result::ok)),
            Progress::Waiting(next) => {
                let time_comes = async {
                    match next {
                        Some(at) => hub.clock.sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = hub.changed.notified() => {}
                    () = time_comes => {}
                    Some(finished) = calls.join_next() => record(&hub, finished.ok()),
                }
            }
        }
    }
}

fn invoke(call: HandlerCall) -> Finished {
    let start = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| (call.handler)(call.call.clone())));
    Finished { call, answer, took: start.elapsed() }
}

fn record(hub: &Hub, finished: Option<Finished>) {
    let Some(Finished { call, answer, took }) = finished else { return };
    let answer = match answer {
        Ok(answer) => Some(answer),
        Err(panic) => {
            hub.keep_panic(panic);
            None
        }
    };
    hub.change(|schedule, now| schedule.answer(&call, answer, took, now));
}
