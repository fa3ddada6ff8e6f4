//! Spinners for the waits of the examples.

use std::io::{Write as _, stderr};
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::timeout;

/// Waits for an answer, with a spinner, or with a line after a second if no terminal shows one.
pub(crate) async fn ask<T>(question: &str, answer: impl Future<Output = T>) -> T {
    let spinner = start(question.to_owned());
    let mut answer = pin!(answer);
    if let Ok(answer) = timeout(Duration::from_secs(1), &mut answer).await {
        return answer;
    }
    print_without_terminal(&spinner);
    answer.await
}

/// Prints the message of a spinner that no terminal shows.
pub(crate) fn print_without_terminal(spinner: &ProgressBar) {
    if spinner.is_hidden() {
        // The reader may be gone.
        let _ = writeln!(stderr(), "{} …", spinner.message());
    }
}

/// Starts a spinner that counts the seconds, until it is dropped.
pub(crate) fn start(message: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new(0).with_style(style).with_message(message);
    spinner.enable_steady_tick(Duration::from_secs(1));
    spinner
}
