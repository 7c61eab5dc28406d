#include "manifest/schema/json_schema.h"

#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"
#include "inferencectl/output/kinds.h"
#include "manifest/schema/explain.h"

namespace inference::ctl {

Answer RunSchema(Invocation& run) {
  namespace schema = manifest::schema;
  if (run.args.operands().empty()) {
    run.Print(schema::JsonSchemaOfAll());
    return ExitCode::kOk;
  }
  const std::string& name = run.args.operands().front();
  const manifest::schema::Kind* ours =
      run.args.Given("api-version") ? nullptr : output::FindKind(name);
  if (ours != nullptr) {
    run.Print(output::JsonSchemaOf(*ours));
    return ExitCode::kOk;
  }
  const auto kind = schema::KindNamed(name, run.args.Text("api-version"));
  if (!kind.ok()) return kind.status();
  run.Print(schema::JsonSchemaOf(**kind));
  return ExitCode::kOk;
}

}  // namespace inference::ctl
