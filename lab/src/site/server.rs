//! Serves the contents of a site, late and faultily as planned, on a runtime of its own.

use std::{
    convert::Infallible,
    fmt, io, net,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header, http,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    time::{Sleep, sleep},
};

use super::{
    contents::{Answer, Contents},
    record::{Ledger, Ticket},
};

/// Makes everything that can fail; the returned function serves until `stopped` resolves.
pub(super) fn prepare(
    site: net::TcpListener,
    neighbour: net::TcpListener,
    contents: Arc<Contents>,
    ledger: Arc<Ledger>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<impl FnOnce() + Send + 'static> {
    let host = site.local_addr()?.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (site, neighbour) = {
        let _entered = runtime.enter();
        (listener(site)?, listener(neighbour)?)
    };
    Ok(move || {
        let shared = Arc::new(Shared { host, contents, ledger });
        runtime.block_on(async move {
            tokio::select! {
                () = accept(site, Arc::clone(&shared), false) => {}
                () = accept(neighbour, shared, true) => {}
                _ = stopped => {}
            }
        });
        // Dropping the runtime drops every connection.
    })
}

struct Shared {
    /// What a request to the site has in its `Host` header.
    host: String,
    contents: Arc<Contents>,
    ledger: Arc<Ledger>,
}

fn listener(listener: net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, neighbour: bool) {
    loop {
        // A connection that is gone before it was accepted is its client's affair.
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, Arc::clone(&shared), neighbour));
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>, neighbour: bool) {
    // The two halves of a body are two writes: without this the second would wait for the first's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &shared, neighbour));
    // An error is a client that went away, or a page that is cut off by plan.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: &Shared, neighbour: bool) -> Result<Response<Half>, Infallible> {
    let address = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if neighbour || host != shared.host {
        shared.ledger.stray(format!("http://{host}{address}"));
        return Ok(response(StatusCode::MISDIRECTED_REQUEST, Half::whole(Bytes::from_static(b"you have left the site"))));
    }
    let (ticket, before) = shared.ledger.arrive(address);
    let resource = shared.contents.get(address);
    let latency = resource.map_or(shared.contents.shortest, |resource| resource.latency);
    sleep(latency / 2).await;

    let reply = |status: StatusCode, content: &Bytes, cut| {
        ticket.status(status.as_u16());
        (status, content.clone(), cut)
    };
    let mut head = Vec::new();
    let (status, content, cut) = match resource {
        _ if request.method() != Method::GET => reply(StatusCode::METHOD_NOT_ALLOWED, &Bytes::new(), false),
        None => reply(StatusCode::NOT_FOUND, &shared.contents.trap, false),
        Some(resource) if before < resource.busy => {
            if let Some(seconds) = resource.retry_after_seconds {
                head.push((header::RETRY_AFTER, seconds.to_string()));
            }
            reply(StatusCode::SERVICE_UNAVAILABLE, &shared.contents.trap, false)
        }
        Some(resource) => match &resource.answer {
            Answer::Content { kind, body } => {
                head.push((header::CONTENT_TYPE, (*kind).to_owned()));
                reply(StatusCode::OK, body, false)
            }
            Answer::Moved { to } => {
                head.push((header::LOCATION, to.clone()));
                reply(StatusCode::FOUND, &Bytes::new(), false)
            }
            Answer::Broken => reply(StatusCode::INTERNAL_SERVER_ERROR, &shared.contents.trap, false),
            Answer::CutOff => reply(StatusCode::OK, &shared.contents.trap, true),
        },
    };
    let mut response = response(status, Half::new(content, latency / 2, cut, ticket));
    for (name, value) in head {
        let value = header::HeaderValue::from_str(&value).expect("headers of a site are ASCII");
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

fn response(status: StatusCode, body: Half) -> Response<Half> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let html = header::HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// A body that is sent in two halves with a pause between them, so that reading it takes time too.
struct Half {
    left: Bytes,
    /// Set until the first half is sent.
    pause: Option<Duration>,
    /// Runs between the halves.
    pausing: Option<Pin<Box<Sleep>>>,
    /// Breaks off instead of sending the second half.
    cut: bool,
    ticket: Option<Ticket>,
}

impl Half {
    fn new(content: Bytes, pause: Duration, cut: bool, ticket: Ticket) -> Self {
        if content.is_empty() {
            ticket.complete();
        }
        Self { left: content, pause: Some(pause), pausing: None, cut, ticket: Some(ticket) }
    }

    fn whole(content: Bytes) -> Self {
        Self { left: content, pause: None, pausing: None, cut: false, ticket: None }
    }
}

impl Body for Half {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(pause) = self.pause.take() {
            let half = self.left.len() / 2;
            let first = self.left.split_to(half);
            self.pausing = Some(Box::pin(sleep(pause)));
            if !first.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(first))));
            }
        }
        if let Some(pausing) = &mut self.pausing {
            std::task::ready!(pausing.as_mut().poll(context));
        }
        if self.cut {
            return Poll::Ready(Some(Err(CutOff)));
        }
        // Before the bytes leave: the client cannot have them all earlier than this.
        if let Some(ticket) = &self.ticket {
            ticket.complete();
        }
        let last = std::mem::take(&mut self.left);
        Poll::Ready(Some(Ok(Frame::data(last))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

/// Ends a connection in the middle of a page, as planned.
#[derive(Debug)]
struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut off by plan")
    }
}

impl std::error::Error for CutOff {}
