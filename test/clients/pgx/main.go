// What services in Go do with pgx: pools, cached statements, batches, COPY, transactions with savepoints, LISTEN-free.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func run(ctx context.Context) error {
	config, err := pgxpool.ParseConfig(os.Args[1])
	if err != nil {
		return err
	}
	// What pools do between two users of a connection.
	config.AfterRelease = func(conn *pgx.Conn) bool {
		_, err := conn.Exec(ctx, "discard all")
		conn.DeallocateAll(ctx)
		return err == nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	var id int64
	err = pool.QueryRow(ctx, "insert into note (text, tags) values ($1, $2) returning id", "pgx", []string{"a", "b"}).Scan(&id)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	batch := &pgx.Batch{}
	for i := range 3 {
		batch.Queue("insert into note (text) values ($1)", fmt.Sprintf("batch %d", i))
	}
	batch.Queue("select count(*) from note where text like 'batch%'")
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("batch: %w", err)
	}
	copied, err := pool.CopyFrom(ctx, pgx.Identifier{"note"}, []string{"text"}, pgx.CopyFromRows([][]any{{"copied 1"}, {"copied 2"}}))
	if err != nil || copied != 2 {
		return fmt.Errorf("copy: %d %w", copied, err)
	}
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := inner.Exec(ctx, "update note set text = 'changed' where id = $1", id); err != nil {
			return err
		}
		if err := inner.Rollback(ctx); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "select pg_advisory_xact_lock(7)")
		return err
	})
	if err != nil {
		return fmt.Errorf("transaction: %w", err)
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		rows, err := pool.Query(ctx, "select id, text, tags, made from note where id = any($1) order by id", mode, []int64{id})
		if err != nil {
			return fmt.Errorf("mode %v: %w", mode, err)
		}
		if _, err := pgx.CollectRows(rows, pgx.RowToMap); err != nil {
			return fmt.Errorf("mode %v: %w", mode, err)
		}
	}
	return nil
}
