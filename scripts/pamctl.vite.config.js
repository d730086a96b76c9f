import { defineConfig } from 'vite'

/** The command line in few files: it starts for every command, and reading seventy takes longer than most of its work. */
export default defineConfig({
  build: {
    ssr: 'src/cli/main.ts',
    // As deep as the modules that it is made of, for what they find beside themselves.
    outDir: 'dist/pamctl',
    target: 'node20.19',
    minify: false,
    license: { fileName: 'LICENSES.md' },
    rolldownOptions: { output: { chunkFileNames: '[name]-[hash].js' } },
    reportCompressedSize: false,
  },
  // What most verbs or the agent load: an agent starts in two thirds of the time. Everything else is loaded where it is needed.
  ssr: { noExternal: ['commander', 'jose', 'oauth4webapi', 'openid-client', 'ws', 'zod'] },
  logLevel: 'warn',
})
