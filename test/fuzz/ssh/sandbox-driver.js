// Runs within the sandbox, under strace: starts one shell after the other as an unprivileged user. It is given to
// `node -e` as text, so that nothing of the checkout needs to be visible in there.
const { spawn } = require('node:child_process')
const { createInterface } = require('node:readline')
const fs = require('node:fs')

const [user, home, output] = process.argv.slice(1)
const uid = Number(user)
// Memory, CPU seconds, size of files, open files and processes: a script may loop, fork and write as it likes.
const LIMITS = 'ulimit -v 800000; ulimit -t 2; ulimit -f 2048; ulimit -n 128; ulimit -p 96; exec "$@"'

/** Processes of the scripts. */
const strays = () =>
  fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && fs.statSync(`/proc/${name}`, { throwIfNoEntry: false })?.uid === uid)

function kill(pids) {
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Waits for what a script left in the background, but not for long. */
function sweep(deadline, done) {
  const left = strays()
  if (left.length === 0) return done()
  if (Date.now() > deadline) kill(left)
  setTimeout(() => sweep(deadline, done), 3)
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, argv, stdin, environment, milliseconds } = JSON.parse(line)
  const input = fs.openSync(stdin, 'r')
  const sink = fs.openSync(output, 'a')
  fs.ftruncateSync(sink)
  const child = spawn('/bin/sh', ['-c', LIMITS, 'sh', ...argv], {
    uid,
    gid: uid,
    cwd: home,
    env: environment,
    detached: true,
    stdio: [input, sink, sink],
  })
  fs.closeSync(input)
  fs.closeSync(sink)
  const timer = setInterval(() => kill(strays()), milliseconds)
  let hasEnded = false
  const end = () => {
    if (hasEnded) return
    hasEnded = true
    clearInterval(timer)
    // The parent reads this in the trace: everything before it is of this script.
    sweep(Date.now() + 200, () => fs.mkdir(`/.end-of-${id}`, () => {}))
  }
  child.on('exit', end)
  child.on('error', end)
})
fs.mkdir('/.ready', () => {})
