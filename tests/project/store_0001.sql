-- A store of version 0001, as the askew of that time wrote it: what Python's sqlite3 dumps.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE classes (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "classes" VALUES(1,'heron',0);
INSERT INTO "classes" VALUES(2,'gull',1);
CREATE TABLE items (
	id INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	part TEXT NOT NULL, 
	width_px INTEGER NOT NULL, 
	height_px INTEGER NOT NULL, 
	added TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT items_part CHECK (part IN ('pool', 'test')), 
	UNIQUE (hash)
);
INSERT INTO "items" VALUES(1,'d3a67710b6bcc7b5cb13cfa10d2fd256d372a44903e1c4056f00fabba1a073c0','pool',4,3,'2026-11-25T19:04:40.825132+00:00');
INSERT INTO "items" VALUES(2,'02c0c1b6247a1d80ad388c4bda45d0345bf14b5c8761e3676d47530adb4501b8','pool',4,3,'2026-11-25T19:04:40.896099+00:00');
INSERT INTO "items" VALUES(3,'5fc0c6e8c6e177ec4e3a5258a779c0fe0c3541cbd475e596d4c1657585cef6d1','pool',4,3,'2026-11-25T19:04:40.896765+00:00');
CREATE TABLE labels (
	id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	class_id INTEGER, 
	detail TEXT, 
	who TEXT NOT NULL, 
	how TEXT NOT NULL, 
	at TEXT NOT NULL, 
	question_id INTEGER, 
	"key" TEXT, 
	replaces INTEGER, 
	PRIMARY KEY (id), 
	CONSTRAINT labels_kind CHECK (kind IN ('class', 'cannot_tell', 'boxes', 'withdrawn')), 
	CONSTRAINT labels_class CHECK ((kind = 'class') = (class_id IS NOT NULL)), 
	FOREIGN KEY(item_id) REFERENCES items (id), 
	FOREIGN KEY(class_id) REFERENCES classes (id), 
	FOREIGN KEY(question_id) REFERENCES questions (id), 
	UNIQUE ("key"), 
	FOREIGN KEY(replaces) REFERENCES labels (id)
);
INSERT INTO "labels" VALUES(1,1,'class',2,NULL,'ann','page','2026-11-25T19:04:41.369053+00:00',1,'key-0001',NULL);
INSERT INTO "labels" VALUES(2,2,'cannot_tell',NULL,NULL,'bob','page','2026-11-25T19:04:41.547891+00:00',NULL,NULL,NULL);
CREATE TABLE leases (
	question_id INTEGER NOT NULL, 
	who TEXT NOT NULL, 
	until TEXT NOT NULL, 
	PRIMARY KEY (question_id, who), 
	FOREIGN KEY(question_id) REFERENCES questions (id)
);
CREATE TABLE places (
	id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	mtime_ns BIGINT NOT NULL, 
	seen TEXT NOT NULL, 
	gone BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(item_id) REFERENCES items (id), 
	UNIQUE (path)
);
INSERT INTO "places" VALUES(1,1,'/photos/0.png',69,1795633473767106940,'2026-11-25T19:04:40.825866+00:00',0);
INSERT INTO "places" VALUES(2,2,'/photos/1.png',73,1795633473771776994,'2026-11-25T19:04:40.896275+00:00',0);
INSERT INTO "places" VALUES(3,3,'/photos/2.png',73,1795633473771997016,'2026-11-25T19:04:40.896855+00:00',0);
CREATE TABLE questions (
	id INTEGER NOT NULL, 
	round_id INTEGER NOT NULL, 
	item_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	score FLOAT, 
	reason TEXT NOT NULL, 
	guess INTEGER, 
	confidence FLOAT, 
	detail TEXT, 
	answers INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT questions_once_a_round UNIQUE (round_id, item_id), 
	FOREIGN KEY(round_id) REFERENCES rounds (id), 
	FOREIGN KEY(item_id) REFERENCES items (id), 
	FOREIGN KEY(guess) REFERENCES classes (id)
);
INSERT INTO "questions" VALUES(1,1,1,0,0.5,'why',2,0.4,NULL,1);
CREATE TABLE rounds (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	strategy TEXT NOT NULL, 
	balance TEXT NOT NULL, 
	why TEXT NOT NULL, 
	n INTEGER NOT NULL, 
	n_labeled INTEGER NOT NULL, 
	seed BIGINT NOT NULL, 
	training_id INTEGER, 
	PRIMARY KEY (id), 
	FOREIGN KEY(training_id) REFERENCES trainings (id)
);
INSERT INTO "rounds" VALUES(1,'2026-11-25T19:04:41.014196+00:00','margin','none','',1,0,1,NULL);
CREATE TABLE skips (
	question_id INTEGER NOT NULL, 
	who TEXT NOT NULL, 
	at TEXT NOT NULL, 
	PRIMARY KEY (question_id, who), 
	FOREIGN KEY(question_id) REFERENCES questions (id)
);
CREATE TABLE trainings (
	id INTEGER NOT NULL, 
	at TEXT NOT NULL, 
	seconds FLOAT NOT NULL, 
	n_labeled INTEGER NOT NULL, 
	n_test INTEGER NOT NULL, 
	file TEXT NOT NULL, 
	features TEXT NOT NULL, 
	metrics TEXT NOT NULL, 
	last_label_id INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE unreadable (
	id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	seen TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (path)
);
INSERT INTO "unreadable" VALUES(1,'/photos/3.png','/photos/3.png: cannot be read as a picture: cannot identify image file ''/photos/3.png''','2026-11-25T19:04:40.897109+00:00');
CREATE INDEX places_of_item ON places (item_id);
CREATE INDEX questions_open ON questions (answers, round_id DESC, position);
CREATE INDEX questions_of_item ON questions (item_id);
CREATE INDEX labels_of_item ON labels (item_id, who, id);
CREATE INDEX labels_of_person ON labels (who, id);
CREATE TRIGGER labels_no_update BEFORE UPDATE ON labels BEGIN SELECT RAISE(ABORT, 'labels are only added'); END;
CREATE TRIGGER labels_no_delete BEFORE DELETE ON labels BEGIN SELECT RAISE(ABORT, 'labels are only added'); END;
COMMIT;
