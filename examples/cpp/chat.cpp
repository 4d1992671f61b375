// KalamDB from C++: create, fill, query hot and cold rows, by Arrow and row by row.
//
//     c++ -std=c++17 chat.cpp $(pkg-config --cflags --libs kalamdb) -o chat && ./chat chat.kalam
#include <iostream>
#include <kalamdb.hpp>

int main(int argc, char **argv) try {
  kalamdb::Database database(argc > 1 ? argv[1] : ":memory:",
                             kalamdb::Options().set("durability", "normal"));
  kalamdb::Connection owner = database.connect();
  owner.execute(
      "CREATE USER TABLE messages (id BIGINT PRIMARY KEY, role TEXT NOT NULL, body TEXT, v EMBEDDING(2))");

  kalamdb::Connection alice = database.connect("alice", KALAM_ROLE_DBA);
  kalamdb::Appender rows = alice.appender("messages", {"id", "role", "body", "v"});
  for (int id = 0; id < 1000; id++) {
    rows.add(id).add(id % 2 == 0 ? "user" : "assistant").add("message " + std::to_string(id));
    rows.add(std::vector<float>{1.0F, static_cast<float>(id)}).end_row();
  }
  std::cout << "appended " << rows.flush() << " rows\n";
  alice.flush("messages");

  kalamdb::Statement insert = alice.prepare("INSERT INTO messages (id, role, body) VALUES (:id, :role, :body)");
  insert.bind(insert.index("id"), 1000).bind(insert.index("role"), "user");
  insert.bind(insert.index("body"), nullptr);
  std::cout << "inserted " << insert.execute() << " row\n";

  for (auto found = alice.query("SELECT id, body, v FROM messages ORDER BY id DESC LIMIT 2"); found.next();) {
    std::cout << found.int64(0) << ": " << found.text(1).value_or("NULL");
    if (auto vector = found.vector(2)) {
      std::cout << ", " << vector->size() << " dimensions to " << vector->back();
    }
    std::cout << '\n';
  }

  kalamdb::Stream stream = alice.stream("SELECT id, body FROM messages");
  owner.execute("CREATE USER TABLE archive (id BIGINT PRIMARY KEY, body TEXT)");
  std::cout << "archived " << alice.ingest("archive", stream.get()) << " rows\n";

  try {
    alice.execute("SELECT bdoy FROM messages");
  } catch (const kalamdb::Error &error) {
    std::cout << error.sqlstate() << " in line " << error.line() << ", column " << error.column() << '\n';
  }
  return 0;
} catch (const kalamdb::Error &error) {
  std::cerr << '[' << error.sqlstate() << "] " << error.what() << '\n' << error.hint() << '\n';
  return 1;
}
