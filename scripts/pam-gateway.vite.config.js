import { defineConfig } from 'vite'

/**
 * They load native code, WebAssembly or threads from files beside themselves, or have modules that must run in the order of Node.js (a polyfill
 * before what needs it: @simplewebauthn/server); the others are optional and looked for at run time.
 */
const LOADED_FROM_PACKAGES = [
  '@simplewebauthn/server',
  'bufferutil',
  'libpg-query',
  'libsql',
  'pino',
  'ssh2',
  'pg-native',
  'utf-8-validate',
]

/**
 * The server in few files, as the command line is, with the packages that it is made of: to read a thousand files takes half of the time in
 * which it starts.
 */
export default defineConfig({
  build: {
    ssr: true,
    // As deep as the modules that it is made of, for what they find beside themselves.
    outDir: 'dist/pam-gateway',
    target: 'node20.19',
    minify: false,
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: {
      input: {
        main: 'src/server/main.ts',
        // By this name the tests find it, which start many gateways in one process.
        start: 'src/server/start.ts',
        // What threads begin with: it is looked for beside the module that starts them, which they all are here.
        'mysql-parser-worker': 'src/protocols/mysql/dialect/mysql-parser-worker.ts',
        'mysql-record-worker': 'src/protocols/mysql/gateway/pipeline/mysql-record-worker.ts',
        'postgres-parser-worker': 'src/protocols/postgres/dialect/postgres-parser-worker.ts',
        'postgres-record-worker': 'src/protocols/postgres/gateway/pipeline/postgres-record-worker.ts',
        'document-worker': 'src/protocols/http/openapi/document-worker.ts',
        'command-worker': 'src/host/command/command-worker.ts',
      },
      // A package makes functions of as many parameters as others have (depd): it reads nothing from around them.
      checks: { eval: false },
      output: { chunkFileNames: '[name]-[hash].js' },
    },
    sourcemap: true,
    reportCompressedSize: false,
  },
  ssr: { noExternal: true, external: LOADED_FROM_PACKAGES },
  logLevel: 'warn',
})
