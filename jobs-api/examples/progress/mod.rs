//! The progress of a job, as a bar.

use std::error::Error;

use indicatif::{ProgressBar, ProgressStyle};
use jobs_api::Client;
use jobs_api::types::{JobResponse, JobStatus};

/// Waits for a job with a progress bar.
pub(crate) async fn follow(client: &Client, id: &str) -> Result<JobResponse, Box<dyn Error>> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} devices, {msg}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let job = client.wait_for_job(id).on_progress(|job| show(&bar, job)).await;
    bar.finish_and_clear();
    Ok(job?)
}

fn show(bar: &ProgressBar, job: &JobResponse) {
    let counts = job.counts();
    bar.set_length(counts.total.into());
    bar.set_position((counts.succeeded + counts.failed).into());
    bar.set_message(job.status.as_ref().map(JobStatus::to_string).unwrap_or_default());
}
