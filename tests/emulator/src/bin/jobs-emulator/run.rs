//! Running a hub until the program is stopped.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;

use jobs_emulator::{Emulator, EmulatorBuilder, generate_fleet, parse_fleet};
use tracing::level_filters::LevelFilter;

use crate::arguments::{Arguments, CertificateFiles, Fleet};
use crate::failure::Failure;
use crate::ready::{announce, describe, write_file};

/// Runs a hub until SIGTERM or Ctrl-C.
pub(crate) fn run(arguments: Arguments) -> Result<(), Failure> {
    let level = if arguments.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        // It would panic once nobody reads the log.
        .log_internal_errors(false)
        .init();
    let builder = set_up(&arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("no runtime: {error}")))?;
    runtime.block_on(serve(builder, &arguments))
}

fn set_up(arguments: &Arguments) -> Result<EmulatorBuilder, Failure> {
    let devices = match &arguments.fleet {
        Fleet::Generated(count) => generate_fleet(*count),
        Fleet::File(path) => {
            let text = fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
            parse_fleet(&text).map_err(|error| Failure::file(path, error))?
        }
    };
    let mut builder = Emulator::builder()
        .address(SocketAddr::new(arguments.host, arguments.port))
        .host_name(&arguments.hub_name)
        .owner_key(arguments.key.clone())
        .devices(devices)
        .tier(arguments.tier)
        .units(arguments.units)
        .throttle(arguments.throttling.throttle.clone())
        .pace(arguments.pace)
        .behavior(arguments.behavior)
        .record_requests(arguments.record);
    builder = match &arguments.certificate {
        CertificateFiles::Temporary => builder.tls(jobs_emulator::Certificate::Good),
        CertificateFiles::Authority(path) => builder.tls_authority(path),
        CertificateFiles::Given { certificate, key } => builder.tls_files(certificate, key),
    };
    if arguments.http {
        builder = builder.plain_beside_tls();
    }
    if let Some(count) = arguments.throttling.concurrent_jobs {
        builder = builder.concurrent_jobs(count);
    }
    if let Some(key) = &arguments.control_key {
        builder = builder.control_key(key);
    }
    if arguments.is_paused {
        builder = builder.pause_clock();
    }
    if let Some(clock) = arguments.clock {
        builder = builder.clock(clock);
    }
    if let Some(seed) = arguments.seed {
        builder = builder.seed(seed);
    }
    if let Some(version) = &arguments.strict_api_version {
        builder = builder.strict_api_version(version);
    }
    Ok(builder)
}

async fn serve(builder: EmulatorBuilder, arguments: &Arguments) -> Result<(), Failure> {
    // Signals are caught before the hub is announced: whoever reads the line may stop it at once.
    let stop = stop_signal()?;
    if let Some(path) = &arguments.ready_file {
        remove_stale(path)?;
    }
    let emulator = builder.try_start().await?;
    let ready = describe(&emulator);
    if let Some(path) = &arguments.ready_file {
        write_file(path, &ready).map_err(|error| Failure::file(path, error))?;
    }
    // Nobody has to read the line.
    let _ = announce(&ready);
    tracing::info!(address = %emulator.address(), "listening");
    tokio::select! {
        () = stop => {}
        () = end_of_stdin(), if arguments.ends_with_stdin => {}
    }
    tracing::info!("stopping");
    if let Some(path) = &arguments.ready_file {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// Removes the ready file of a hub that was killed.
fn remove_stale(ready_file: &Path) -> Result<(), Failure> {
    match fs::remove_file(ready_file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file(ready_file, error)),
        _ => Ok(()),
    }
}

/// Waits until the standard input is closed. A separate thread reads it: a blocked read does not delay the exit.
async fn end_of_stdin() {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        drop(ended);
    });
    let _ = end.await;
}

#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let catch = |kind| signal(kind).map_err(|error| Failure::other(format!("cannot catch signals: {error}")));
    let (mut terminate, mut interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
