//! The site's files over HTTP.

use super::file_body::FileBody;
use super::run::Shared;
use crate::collection::BUNDLE_FILE;
use crate::site::CONTENT_SECURITY_POLICY;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::fs::File;

/// Answers every address that is none of the API's.
pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD here\n");
    }
    let Some(path) = relative_path(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "no such page\n");
    };
    let Some(file) = place(&shared, &path) else {
        return match shared.site() {
            Some(_) => plain(StatusCode::NOT_FOUND, "no such page\n"),
            None => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the site is being made: try again in a moment\n",
            ),
        };
    };
    match opened(&file).await {
        Some((open, length)) => {
            let body = if request.method() == Method::HEAD {
                Body::empty()
            } else {
                Body::new(FileBody::new(open, length))
            };
            found(&file, length, body)
        }
        None => plain(StatusCode::NOT_FOUND, "no such page\n"),
    }
}

/// The file of an address. Bundles stand among the submissions, not in the site.
fn place(shared: &Shared, path: &str) -> Option<PathBuf> {
    let bundle = path.strip_prefix("submissions/").and_then(|rest| rest.strip_suffix(BUNDLE_FILE));
    if let Some(id) = bundle {
        return shared.shelf.bundle(&id.strip_suffix('/')?.parse().ok()?);
    }
    Some(shared.site()?.join(path))
}

/// A path below the site, of the letters that its names have; `None` for any other. Nothing that is hidden, and no way up.
fn relative_path(address: &str) -> Option<String> {
    let path = address.strip_prefix('/')?;
    let path = if path.is_empty() || path.ends_with('/') {
        format!("{path}index.html")
    } else {
        path.to_owned()
    };
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_name =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_letter);
    path.split('/').all(is_name).then_some(path)
}

async fn opened(path: &Path) -> Option<(File, u64)> {
    let file = File::open(path).await.ok()?;
    let metadata = file.metadata().await.ok()?;
    metadata.is_file().then_some((file, metadata.len()))
}

fn found(path: &Path, length: u64, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("csv") => "text/csv; charset=utf-8",
        Some("xml") => "application/atom+xml; charset=utf-8",
        _ => "application/octet-stream",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    secure(&mut response);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    secure(&mut response);
    response
}

fn secure(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    let policy = HeaderValue::from_static(CONTENT_SECURITY_POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Pages change when something is accepted.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

#[cfg(test)]
mod tests {
    use super::relative_path;

    #[test]
    fn only_paths_below_the_site() {
        assert_eq!(relative_path("/").as_deref(), Some("index.html"));
        assert_eq!(relative_path("/suites/a-v1/").as_deref(), Some("suites/a-v1/index.html"));
        assert_eq!(relative_path("/assets/site.css").as_deref(), Some("assets/site.css"));
        for address in [
            "",
            "x",
            "//",
            "/..",
            "/../x",
            "/a/../b",
            "/.retally-leaderboard",
            "/a/.hidden",
            "/%2e%2e/x",
            "/a//b",
            "/a\\b",
            "/a%2fb",
            "/c:/x",
        ] {
            assert_eq!(relative_path(address), None, "{address}");
        }
    }
}
