#include "manifest/schema/json_schema.h"

#include "inferencectl/commands/commands.h"
#include "inferencectl/invocation.h"
#include "manifest/schema/explain.h"

namespace inference::ctl {

Answer RunSchema(Invocation& run) {
  namespace schema = manifest::schema;
  if (run.args.operands().empty()) {
    run.Print(schema::JsonSchemaOfAll());
    return ExitCode::kOk;
  }
  const auto kind = schema::KindNamed(run.args.operands().front(), run.args.Text("api-version"));
  if (!kind.ok()) return kind.status();
  run.Print(schema::JsonSchemaOf(**kind));
  return ExitCode::kOk;
}

}  // namespace inference::ctl
