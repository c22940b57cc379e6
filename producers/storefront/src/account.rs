//! Whose purchase it is. The account goes into the purchase id, which says whose it is; where
//! accounts have keys, an account sees and cancels its own purchases and no others. That is
//! decided by the id alone, so it holds for a purchase that no table knows yet, and while the
//! read side is away.

use axum::http::{HeaderMap, header};

use crate::config::Accounts;
use crate::problem::{Code, Problem};

const ACCOUNT_HEADER: &str = "x-account";
const DEFAULT_ACCOUNT: &str = "default";

/// The account of a request.
pub(crate) fn of(headers: &HeaderMap, accounts: &Accounts) -> Result<String, Problem> {
    match accounts {
        Accounts::Open => named(headers),
        Accounts::Keys(keys) => {
            let given = (headers.get(header::AUTHORIZATION))
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.split_once(' '))
                // The scheme's letters may be of either case (RFC 9110, section 11.1).
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, key)| key.trim_start());
            let account = given.and_then(|given| {
                // Every key is compared in full, so that time says nothing of how much matched.
                (keys.iter()).fold(None, |found, (key, account)| {
                    if is_same(key.as_bytes(), given.as_bytes()) {
                        Some(account)
                    } else {
                        found
                    }
                })
            });
            account
                .cloned()
                .ok_or_else(|| Problem::new(Code::Unauthorised, "send Authorization: Bearer <key>"))
        }
    }
}

/// Lets a request at this purchase. Where accounts have keys, those of other accounts do not exist
/// for it: the answer is that of a purchase which nobody has made.
pub(crate) fn reaches(
    headers: &HeaderMap,
    accounts: &Accounts,
    purchase_id: &str,
) -> Result<(), Problem> {
    if matches!(accounts, Accounts::Open) {
        return Ok(());
    }
    let account = of(headers, accounts)?;
    if schemas::ids::is_of_account(purchase_id, &account) {
        Ok(())
    } else {
        Err(Problem::not_known())
    }
}

fn named(headers: &HeaderMap) -> Result<String, Problem> {
    let Some(value) = headers.get(ACCOUNT_HEADER) else {
        return Ok(DEFAULT_ACCOUNT.to_owned());
    };
    let text = value.to_str().unwrap_or_default();
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(is_word) {
        let detail = "X-Account has 1 to 64 letters, digits and -._";
        return Err(Problem::new(Code::Unauthorised, detail));
    }
    Ok(text.to_owned())
}

fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut difference = a.len() ^ b.len();
    for (place, byte) in a.iter().enumerate() {
        difference |= usize::from(byte ^ b.get(place).copied().unwrap_or(0));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn an_open_storefront_takes_the_named_account_or_the_default() {
        let open = Accounts::Open;
        assert_eq!(of(&HeaderMap::new(), &open).unwrap(), "default");
        assert_eq!(
            of(&headers("x-account", "shop-7"), &open).unwrap(),
            "shop-7"
        );
        assert!(of(&headers("x-account", "a b"), &open).is_err());
    }

    #[test]
    fn a_closed_storefront_knows_accounts_by_key_alone() {
        let keys = Accounts::Keys([("secret".into(), "shop-7".into())].into());
        let account = of(&headers("authorization", "Bearer secret"), &keys);
        assert_eq!(account.unwrap(), "shop-7");
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer ", "secret"] {
            assert!(of(&headers("authorization", wrong), &keys).is_err());
        }
        assert!(of(&headers("x-account", "shop-7"), &keys).is_err());
    }

    #[test]
    fn with_keys_an_account_reaches_what_is_its_own() {
        let (own, other) = (
            schemas::ids::purchase_id("shop-7", "order-1"),
            schemas::ids::purchase_id("shop-8", "order-1"),
        );
        let keys = Accounts::Keys([("secret".into(), "shop-7".into())].into());
        let asker = headers("authorization", "Bearer secret");
        assert_eq!(reaches(&asker, &keys, &own), Ok(()));
        for not_its_own in [other.as_str(), "p-1"] {
            let refused = reaches(&asker, &keys, not_its_own).unwrap_err();
            assert_eq!(refused, Problem::not_known());
        }
        let unnamed = reaches(&HeaderMap::new(), &keys, &own).unwrap_err();
        assert_eq!(unnamed.code, Code::Unauthorised);
        assert_eq!(reaches(&HeaderMap::new(), &Accounts::Open, "p-1"), Ok(()));
    }
}
