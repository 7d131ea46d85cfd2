CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, total numeric, state int);
CREATE INDEX ON shop.orders (state);
INSERT INTO shop.orders VALUES (1, 2, 3);
