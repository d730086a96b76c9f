"""What programs in Python do with psycopg: server-side cursors, COPY, prepared statements, pipelines, savepoints."""

import sys

import psycopg

with psycopg.connect(sys.argv[1], prepare_threshold=0) as connection:
    with connection.cursor() as cursor:
        cursor.execute("insert into note (text, tags) values (%s, %s) returning id", ("psycopg", ["a"]))
        (note,) = cursor.fetchone()
        cursor.executemany("insert into note (text) values (%s)", [("many 1",), ("many 2",)])
    connection.commit()
    with connection.cursor(name="named", scrollable=True) as cursor:
        cursor.itersize = 10
        cursor.execute("select id, text from note order by id")
        assert len(list(cursor)) >= 3
        cursor.scroll(0, mode="absolute")
        cursor.fetchmany(2)
    with connection.cursor() as cursor:
        with cursor.copy("copy note (text) from stdin") as copy:
            copy.write_row(("copied",))
        with cursor.copy("copy (select id, text from note) to stdout (format binary)") as copy:
            assert len(list(copy)) > 0
        with cursor.copy("copy note to stdout (format csv, header)") as copy:
            assert len(list(copy)) > 0
    with connection.transaction():
        connection.execute("select * from note where id = %s for update skip locked", (note,))
        try:
            with connection.transaction():
                connection.execute("update note set text = 'changed' where id = %s", (note,))
                raise psycopg.Rollback
        except psycopg.Rollback:
            pass
    with connection.pipeline():
        for _ in range(3):
            connection.execute("select count(*) from note where id = %s", (note,))
    connection.execute("set local statement_timeout = '5s'")
    connection.commit()
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.read_only = True
    connection.execute("select 1")
    connection.rollback()
print("ok")
