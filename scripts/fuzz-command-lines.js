// Runs random command lines in real shells against what the gateway says of them: see CONTRIBUTING.md.
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'

const { module } = await runnerImport(fileURLToPath(new URL('../test/fuzz/ssh/main.ts', import.meta.url)))
process.exitCode = await module.main(process.argv.slice(2), (text) => process.stdout.write(text))
