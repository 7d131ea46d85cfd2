-- A script as `.dump` writes it.
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT, done INT);
INSERT INTO notes VALUES(1,'a; CREATE TABLE not_this(x);',0);
CREATE TABLE changes(at TEXT);
CREATE VIEW open_notes AS SELECT id, title FROM notes WHERE done = 0;
/* A trigger holds statements of its own. */
CREATE TRIGGER noted AFTER INSERT ON notes BEGIN INSERT INTO changes VALUES (datetime()); END;
COMMIT;
