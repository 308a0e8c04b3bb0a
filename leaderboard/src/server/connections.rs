//! Connections: how many, how slow, and how they end.

use super::api::router;
use super::run::Shared;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A request's head must come within this time; an idle connection is closed after it.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);
/// One connection lasts so long at most; a client comes back for more.
const LONGEST_CONNECTION: Duration = Duration::from_secs(600);
/// How often it is asked whether to stop.
const PULSE: Duration = Duration::from_millis(100);
/// How long open requests may take after that.
const FAREWELL: Duration = Duration::from_secs(20);
/// The system may be out of something; it is asked again after this time.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// Accepts connections until `stop` says so, then waits for open requests.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, stop: &dyn Fn() -> bool) {
    let places = Arc::new(Semaphore::new(shared.limits.connections.max(1)));
    let service = router(Arc::clone(&shared));
    let graceful = GracefulShutdown::new();
    while let Some((stream, place)) = next(&shared, &listener, (&places, stop)).await {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A connection that breaks is its client's affair.
            let _ = tokio::time::timeout(LONGEST_CONNECTION, connection).await;
            drop(place);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
}

/// The next connection, with its place among those at once; `None` when it is time to stop.
async fn next(
    shared: &Shared,
    listener: &TcpListener,
    (places, stop): (&Arc<Semaphore>, &dyn Fn() -> bool),
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = until(stop, Arc::clone(places).acquire_owned()).await?.ok()?;
    loop {
        match until(stop, listener.accept()).await? {
            Ok((stream, _)) => return Some((stream, place)),
            Err(error) => {
                shared.note(format!("a connection was not accepted: {error}"));
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

/// What `future` gives, unless it is time to stop before that.
async fn until<T>(stop: &dyn Fn() -> bool, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    loop {
        if stop() {
            return None;
        }
        if let Ok(found) = tokio::time::timeout(PULSE, future.as_mut()).await {
            return Some(found);
        }
    }
}
