//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connection::{Protocols, serve};
use super::service::Service;
use crate::driver::drive;
use crate::hub::Hub;
use crate::limits::CONNECTIONS;
use crate::tls::Tls;

/// Pause after a connection that could not be accepted, such as when the process has too many files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Owns the connections and the course of the jobs: dropping it ends all.
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves `hub` at this address, over HTTP/1.1 or HTTP/2 as the client likes.
    pub(crate) async fn start(
        hub: Arc<Hub>,
        address: SocketAddr,
        tls: Option<Tls>,
        is_plain_allowed: bool,
    ) -> io::Result<Self> {
        let tls = tls.map(Arc::new);
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(drive(hub.clone()));
        let protocols = Protocols { tls: tls.clone(), is_plain_allowed };
        tasks.spawn(accept(listener, Service::new(hub), protocols));
        Ok(Self { address, tls, tasks })
    }

    /// Ends all connections and the course of the jobs.
    pub(crate) fn stop(&mut self) {
        self.tasks.abort_all();
    }
}

async fn accept(listener: TcpListener, service: Service, protocols: Protocols) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let serving = serve(service.clone(), stream, peer, protocols.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(slot);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}
