-- Every fact of a purchase updates its row, every batch its windows. Where its page has room for a row's next version,
-- the row stays on the page and no index is touched: half the work, a fifth of the write-ahead log,
-- and room that is used again without a vacuum. It holds for pages written from now on.
ALTER TABLE counted_purchases SET (fillfactor = 50);
ALTER TABLE windows SET (fillfactor = 50);
ALTER TABLE revenue SET (fillfactor = 50);
ALTER TABLE customers SET (fillfactor = 50);
ALTER TABLE items SET (fillfactor = 50);
