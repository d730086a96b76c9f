import { defineConfig } from 'vite'

/** The server in few files, as the command line is: reading four hundred takes a quarter of the time in which it starts. */
export default defineConfig({
  build: {
    ssr: true,
    // As deep as the modules that it is made of, for what they find beside themselves.
    outDir: 'dist/pam-gateway',
    target: 'node20.19',
    minify: false,
    rolldownOptions: {
      input: {
        main: 'src/server/main.ts',
        // What threads begin with: it is looked for beside the module that starts them, which they all are here.
        'mysql-parser-worker': 'src/protocols/mysql/dialect/mysql-parser-worker.ts',
        'postgres-parser-worker': 'src/protocols/postgres/dialect/postgres-parser-worker.ts',
        'command-worker': 'src/host/command/command-worker.ts',
      },
      output: { chunkFileNames: '[name]-[hash].js' },
    },
    sourcemap: true,
    reportCompressedSize: false,
  },
  logLevel: 'warn',
})
