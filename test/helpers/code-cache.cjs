/**
 * Keeps what V8 compiled of the gateway's bundle, for the next process: to compile it takes a quarter of the time in which a gateway starts,
 * and a whole run of the tests starts some 250. Tests load this with `node --require` (code-cache.ts), and nothing else does: what one
 * process writes here the next one runs, and a gateway in production has no directory that may hold such files.
 *
 * Every process of a test loads it, and most are no gateways: what is needed for more than to see that is loaded later.
 */
const { basename, join } = require('node:path')

const ROOT = join(__dirname, '..', '..')
const BUNDLE = join(ROOT, 'dist', 'pam-gateway')
const CACHE = join(ROOT, 'node_modules', '.cache', 'pam-gateway')

// Threads load a preloaded module, too; theirs are short.
if (process.argv[1] === join(ROOT, 'bin', 'pam-gateway.js') && require('node:worker_threads').isMainThread)
  keepCompiled()

function keepCompiled() {
  const { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require('node:fs')
  const Module = require('node:module')
  const { constants, Script } = require('node:vm')
  /** Modules of which nothing was kept, and where it belongs. */
  const fresh = []
  const compile = Module.prototype._compile
  const { emitWarning } = process

  // The bundle imports packages as it would without this.
  process.emitWarning = (warning, ...more) => {
    if (!String(warning).startsWith('vm.USE_MAIN_CONTEXT_DEFAULT_LOADER ')) emitWarning(warning, ...more)
  }

  Module.prototype._compile = function (source, file, ...more) {
    if (!file.startsWith(join(BUNDLE, '/'))) return compile.call(this, source, file, ...more)
    const run = scriptOf(source, file).runInThisContext()
    return run.call(this.exports, this.exports, Module.createRequire(file), this, file, BUNDLE)
  }

  /**
   * V8 compares its version and flags, and of the source the length alone. So the name says which file of which build it is, as make would
   * (chunks have a digest in their names): one more digest of eight megabytes takes a tenth of what this saves. V8 turns away what it
   * compiled before the program set a flag (heap-growth.ts), and compiles that again.
   */
  function scriptOf(source, file) {
    const { mtimeMs, size } = statSync(file)
    const place = join(CACHE, `${basename(file)}-${size}-${mtimeMs}-${process.version}`)
    const cachedData = read(place)
    const script = new Script(Module.wrap(source), {
      filename: file,
      // So that what stands on the first line has the column in an error that it has in the file.
      columnOffset: -Module.wrapper[0].length,
      cachedData,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    })
    if (cachedData === undefined) fresh.push({ script, place })
    return script
  }

  function read(place) {
    try {
      return readFileSync(place)
    } catch {
      return undefined
    }
  }

  // At the end: functions that a module calls later have been compiled by then.
  process.on('exit', () => {
    if (fresh.length === 0) return
    mkdirSync(CACHE, { recursive: true })
    for (const { script, place } of fresh) {
      const written = `${place}.${process.pid}`
      writeFileSync(written, script.createCachedData())
      renameSync(written, place)
    }
  })
}
