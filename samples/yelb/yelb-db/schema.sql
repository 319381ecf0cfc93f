-- The restaurants that can be voted for. An empty line ends each statement: PostgreSQL's single-user mode reads them so.

CREATE TABLE restaurants (
  name text PRIMARY KEY,
  votes bigint NOT NULL DEFAULT 0 CHECK (votes >= 0)
);

INSERT INTO restaurants (name) VALUES ('ihop'), ('chipotle'), ('outback'), ('bucadibeppo');
