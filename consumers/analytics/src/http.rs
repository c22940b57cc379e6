//! The HTTP view of analytics: JSON, and problem details (RFC 9457) for what cannot be answered.
//!
//! `from` and `to` are RFC 3339 or microseconds since the epoch; without them the last hour or day
//! is meant.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

use crate::{
    read::{Range, ReadError, Reader, Size, TopBy},
    windows::HOUR_MICROS,
};

type Asked = Result<Query<BTreeMap<String, String>>, QueryRejection>;

/// The routes of the view.
///
/// | Route | Query |
/// |---|---|
/// | `GET /analytics/windows` | `from`, `to`, `size` = `minute` or `hour` |
/// | `GET /analytics/items/top` | `from`, `to`, `by` = `units` or `revenue` (with `currency`), `limit` |
/// | `GET /analytics/items/{id}/together` | `from`, `to`, `limit` |
/// | `GET /analytics/customers` | `from`, `to` |
pub fn router(reader: Reader) -> Router {
    Router::new()
        .route("/analytics/windows", get(windows))
        .route("/analytics/items/top", get(top_items))
        .route("/analytics/items/{id}/together", get(together))
        .route("/analytics/customers", get(customers))
        .with_state(Arc::new(reader))
}

async fn windows(State(reader): State<Arc<Reader>>, asked: Asked) -> Result<Json<Value>, Problem> {
    let asked = Question::new(asked, &["from", "to", "size"])?;
    let size = match asked.text("size") {
        None | Some("minute") => Size::Fine,
        Some("hour") => Size::Coarse,
        Some(_) => return Err(Problem::input("size must be minute or hour")),
    };
    let range = asked.range(HOUR_MICROS)?;
    let windows = reader.windows(size, range).await?;
    Ok(answer(range, "windows", json!(windows)))
}

async fn top_items(
    State(reader): State<Arc<Reader>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let asked = Question::new(asked, &["from", "to", "by", "currency", "limit"])?;
    let by = match (asked.text("by"), asked.text("currency")) {
        (None | Some("units"), None) => TopBy::Units,
        (Some("revenue"), Some(currency)) => TopBy::Revenue {
            currency: currency.to_owned(),
        },
        (Some("revenue"), None) => {
            return Err(Problem::input(
                "by=revenue needs currency, such as currency=EUR",
            ));
        }
        (None | Some("units"), Some(_)) => {
            return Err(Problem::input("currency goes with by=revenue alone"));
        }
        (Some(_), _) => return Err(Problem::input("by must be units or revenue")),
    };
    let range = asked.range(24 * HOUR_MICROS)?;
    let items = reader.top_items(range, &by, asked.limit()?).await?;
    Ok(answer(range, "items", json!(items)))
}

async fn together(
    State(reader): State<Arc<Reader>>,
    Path(item_id): Path<String>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let asked = Question::new(asked, &["from", "to", "limit"])?;
    let item_id = (item_id.parse::<i64>())
        .map_err(|_| Problem::input("the item id must be a whole number"))?;
    let range = asked.range(24 * HOUR_MICROS)?;
    let items = reader.together(item_id, range, asked.limit()?).await?;
    Ok(answer(range, "items", json!(items)))
}

async fn customers(
    State(reader): State<Arc<Reader>>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let asked = Question::new(asked, &["from", "to"])?;
    let range = asked.range(24 * HOUR_MICROS)?;
    let estimate = reader.distinct_customers(range).await?;
    Ok(answer(
        range,
        "distinct_customers_estimate",
        json!(estimate),
    ))
}

fn answer(range: Range, name: &str, found: Value) -> Json<Value> {
    Json(json!({ "from": range.from, "to": range.to, name: found }))
}

/// The parameters of a request.
struct Question(BTreeMap<String, String>);

impl Question {
    fn new(asked: Asked, known: &[&str]) -> Result<Self, Problem> {
        let Query(parameters) = asked.map_err(|rejection| Problem::input(rejection.body_text()))?;
        let unknown = (parameters.keys()).find(|name| !known.contains(&name.as_str()));
        match unknown {
            None => Ok(Self(parameters)),
            Some(_) => Err(Problem::input(format!(
                "parameters are {}; there is another one",
                known.join(", ")
            ))),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn range(&self, default_micros: i64) -> Result<Range, Problem> {
        let to = match self.text("to") {
            Some(text) => instant("to", text)?,
            None => now_micros(),
        };
        let from = match self.text("from") {
            Some(text) => instant("from", text)?,
            None => to.saturating_sub(default_micros),
        };
        Ok(Range { from, to })
    }

    fn limit(&self) -> Result<u32, Problem> {
        match self.text("limit") {
            None => Ok(20),
            Some(text) => {
                (text.parse()).map_err(|_| Problem::input("limit must be a whole number"))
            }
        }
    }
}

fn instant(name: &str, text: &str) -> Result<i64, Problem> {
    if let Ok(micros) = text.parse::<i64>() {
        return Ok(micros);
    }
    (text.parse::<jiff::Timestamp>())
        .map(jiff::Timestamp::as_microsecond)
        .map_err(|_| {
            Problem::input(format!(
                "{name} must be RFC 3339, such as 2026-03-12T10:00:00Z, \
                 or microseconds since the epoch"
            ))
        })
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

/// Why a request was not answered, as `application/problem+json`.
struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    fn input(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            detail: detail.into(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        use runtime::store::StoreError;
        match error {
            ReadError::Question(detail) => Self::input(detail),
            ReadError::Store(StoreError::Transient(detail)) => {
                tracing::warn!(%detail, "analytics cannot be read now");
                Self {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    detail: "the database does not answer; try again".to_owned(),
                }
            }
            ReadError::Store(error) => {
                tracing::error!(%error, "analytics cannot be read");
                Self {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    detail: "the tables cannot be read by this build".to_owned(),
                }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
