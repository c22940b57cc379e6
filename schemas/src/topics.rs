//! The names of the topics that carry these schemas.

/// Purchases and cancellation requests; written by storefront producers only.
pub const PURCHASES: &str = "shop.purchases.v1";
/// What payment states.
pub const PAYMENTS: &str = "shop.payments.v1";
/// What inventory states.
pub const RESERVATIONS: &str = "shop.reservations.v1";
/// What dispatch states.
pub const SHIPMENTS: &str = "shop.shipments.v1";
/// Movements of stock, keyed by SKU; written by stock keepers only.
pub const STOCK: &str = "shop.stock.v1";
