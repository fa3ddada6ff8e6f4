//! The progress of a job, as a bar.

use std::error::Error;

use indicatif::{ProgressBar, ProgressStyle};
use jobs_api::Client;
use jobs_api::types::{JobResponse, JobStatus};
use tokio::signal::ctrl_c;

use crate::spinner;

/// Waits for a job with a progress bar. Ctrl-C ends the wait, and leaves the job alone.
pub(crate) async fn follow(client: &Client, id: &str) -> Result<JobResponse, Box<dyn Error>> {
    let counting = ProgressStyle::with_template("{wide_bar} {pos}/{len} devices, {msg}, {elapsed}")?;
    let bar = spinner::start(format!("waiting for {id}"));
    spinner::print_without_terminal(&bar);
    let wait = client.wait_for_job(id).on_progress(|job| show(&bar, &counting, job));
    tokio::select! {
        job = wait => Ok(job?),
        _ = ctrl_c() => Err(format!("interrupted: a real hub goes on with {id}; follow it with watch_job").into()),
    }
}

fn show(bar: &ProgressBar, counting: &ProgressStyle, job: &JobResponse) {
    let counts = job.counts();
    if counts.total > 0 {
        bar.set_style(counting.clone());
    }
    bar.set_length(counts.total.into());
    bar.set_position((counts.succeeded + counts.failed).into());
    bar.set_message(job.status.as_ref().map(JobStatus::to_string).unwrap_or_default());
}
