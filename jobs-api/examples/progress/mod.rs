//! The progress of a job, as a bar, and of a call, as a spinner.

use std::error::Error;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jobs_api::Client;
use jobs_api::types::{JobResponse, JobStatus};
use tokio::signal::ctrl_c;

/// Waits for an answer, with a spinner that counts the seconds.
pub(crate) async fn ask<T>(question: &'static str, answer: impl Future<Output = T>) -> T {
    let spinner = ProgressBar::new_spinner().with_message(question);
    spinner.enable_steady_tick(Duration::from_secs(1));
    let answer = answer.await;
    spinner.finish_and_clear();
    answer
}

/// Waits for a job with a progress bar. Ctrl-C ends the wait, and leaves the job alone.
pub(crate) async fn follow(client: &Client, id: &str) -> Result<JobResponse, Box<dyn Error>> {
    let waiting = ProgressStyle::with_template("{spinner} {msg}, {elapsed}")?;
    let counting = ProgressStyle::with_template("{wide_bar} {pos}/{len} devices, {msg}, {elapsed}")?;
    let bar = ProgressBar::new(0).with_style(waiting).with_message(format!("waiting for {id}"));
    bar.enable_steady_tick(Duration::from_secs(1));
    let wait = client.wait_for_job(id).on_progress(|job| show(&bar, &counting, job));
    let job = tokio::select! {
        job = wait => job.map_err(Into::into),
        _ = ctrl_c() => Err(format!("interrupted: a real hub goes on with {id}; follow it with watch_job").into()),
    };
    bar.finish_and_clear();
    job
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
