// Builds dist for both module systems. Installs the compiler where it is missing: npm runs this for whoever installs the
// package from its folder.
import { execSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const cwd = fileURLToPath(new URL(".", import.meta.url));
const run = (command) => execSync(command, { cwd, stdio: "inherit" });

if (!existsSync(new URL("node_modules/.bin/tsc", import.meta.url))) run("npm ci --ignore-scripts --no-audit --no-fund");
rmSync(new URL("dist", import.meta.url), { recursive: true, force: true });
run("npx --no-install tsc -p tsconfig.json");
run("npx --no-install tsc -p tsconfig.cjs.json");
writeFileSync(new URL("dist/cjs/package.json", import.meta.url), '{"type":"commonjs"}\n');
