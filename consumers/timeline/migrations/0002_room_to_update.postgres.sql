-- Every fact of a purchase updates its row. Where its page has room for a row's next version,
-- the row stays on the page and no index is touched: half the work, a fifth of the write-ahead log,
-- and room that is used again without a vacuum. It holds for pages written from now on.
ALTER TABLE purchases SET (fillfactor = 50);

-- An entry belongs to a purchase.
--
-- Checked once per statement: a foreign key looks up, and locks, a row of purchases again for every row
-- that is added, which costs as much as adding it. What makes up for the lock: a row that is referred
-- to cannot be deleted or renamed, and here that is refused.
ALTER TABLE purchase_events DROP CONSTRAINT purchase_events_purchase_id_fkey;

CREATE FUNCTION purchase_events_require_purchases() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT FROM added
                WHERE NOT EXISTS (SELECT FROM purchases WHERE purchases.purchase_id = added.purchase_id)) THEN
        RAISE EXCEPTION 'a row of purchase_events refers to no row of purchases'
            USING ERRCODE = 'foreign_key_violation', TABLE = 'purchase_events';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER purchase_events_added AFTER INSERT ON purchase_events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION purchase_events_require_purchases();
CREATE TRIGGER purchase_events_changed AFTER UPDATE ON purchase_events REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION purchase_events_require_purchases();

CREATE FUNCTION purchases_keep_purchase_events() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM purchase_events WHERE purchase_events.purchase_id = OLD.purchase_id) THEN
        RAISE EXCEPTION 'rows of purchase_events refer to this row of purchases'
            USING ERRCODE = 'foreign_key_violation', TABLE = 'purchases';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER purchases_keep_purchase_events AFTER DELETE OR UPDATE OF purchase_id ON purchases
    FOR EACH ROW EXECUTE FUNCTION purchases_keep_purchase_events();
