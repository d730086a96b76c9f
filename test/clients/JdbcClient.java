import java.io.StringReader;
import java.io.StringWriter;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Savepoint;
import java.sql.Statement;
import org.postgresql.PGConnection;

/** What tools and services in Java do with pgjdbc: metadata, cursors, batches, COPY, savepoints, generated keys. */
public class JdbcClient {
  public static void main(String[] args) throws Exception {
    try (Connection connection = DriverManager.getConnection(args[0])) {
      DatabaseMetaData metadata = connection.getMetaData();
      drain(metadata.getSchemas());
      drain(metadata.getCatalogs());
      drain(metadata.getTableTypes());
      drain(metadata.getTypeInfo());
      drain(metadata.getTables(null, "public", "%", null));
      drain(metadata.getColumns(null, "public", "note", "%"));
      drain(metadata.getPrimaryKeys(null, "public", "note"));
      drain(metadata.getIndexInfo(null, "public", "note", false, true));
      drain(metadata.getImportedKeys(null, "public", "note"));
      drain(metadata.getExportedKeys(null, "public", "note"));
      drain(metadata.getFunctions(null, "pg_catalog", "lower"));
      drain(metadata.getTablePrivileges(null, "public", "note"));
      try (PreparedStatement insert =
          connection.prepareStatement("insert into note (text) values (?)", Statement.RETURN_GENERATED_KEYS)) {
        for (int i = 0; i < 10; i++) {
          insert.setString(1, "jdbc " + i);
          insert.addBatch();
        }
        insert.executeBatch();
        insert.setString(1, "jdbc");
        insert.executeUpdate();
        drain(insert.getGeneratedKeys());
      }
      connection.setAutoCommit(false);
      try (PreparedStatement select = connection.prepareStatement("select id, text, tags, made from note where id > ?")) {
        select.setFetchSize(2);
        select.setLong(1, 0);
        for (int i = 0; i < 7; i++) drain(select.executeQuery());
      }
      Savepoint savepoint = connection.setSavepoint();
      try (Statement statement = connection.createStatement()) {
        statement.executeUpdate("update note set text = 'changed' where id = 1");
        connection.rollback(savepoint);
        statement.executeQuery("select pg_try_advisory_xact_lock(1)");
      }
      connection.commit();
      connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
      connection.setReadOnly(true);
      try (Statement statement = connection.createStatement()) {
        drain(statement.executeQuery("select count(*) from note"));
      }
      connection.commit();
      connection.setReadOnly(false);
      connection.setAutoCommit(true);
      PGConnection postgres = connection.unwrap(PGConnection.class);
      postgres.getCopyAPI().copyIn("copy note (text) from stdin", new StringReader("copied\n"));
      postgres.getCopyAPI().copyOut("copy note to stdout", new StringWriter());
      if (!connection.isValid(5)) throw new IllegalStateException("isValid");
      try (Statement statement = connection.createStatement()) {
        statement.execute("discard all");
      }
    }
    System.out.println("ok");
  }

  private static void drain(ResultSet rows) throws Exception {
    while (rows.next()) rows.getObject(1);
    rows.close();
  }
}
