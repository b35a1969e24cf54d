-- A coupon whose code the platform did not tell has a row like every other, without a code.
-- At most 100 are verified at once.

INSERT INTO coupons (operation_id, store_id, code, visit, order_id, deal_id, deal_group_id, price_fen, price_unknown, price_share, payments, handle, undo_reason)
    SELECT o.id, o.store_id, '', n.n, o.order_id, o.deal_id, o.deal_group_id, o.price_fen, o.price_unknown, o.price_share, '', '', ''
    FROM operations o
    JOIN (SELECT 10 * tens.d + ones.d AS n
        FROM (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
            UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS tens
        CROSS JOIN (SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4
            UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) AS ones) AS n
        ON n.n BETWEEN 1 AND o.coupon_count - (SELECT COUNT(*) FROM coupons c WHERE c.operation_id = o.id)
    WHERE o.outcome_reason = 'codes_missing' AND o.state IN ('done', 'undoing', 'undo_unknown');
