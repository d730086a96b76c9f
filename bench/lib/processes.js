import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'

const running = new Set()

/** Where Debian puts servers, which not every user has in the path. */
export const WITH_SBIN = { PATH: `${process.env.PATH}:/usr/sbin` }

/** Whether a program is installed. */
export const has = (program) =>
  spawnSync('sh', ['-c', `command -v ${program}`], { env: { ...process.env, ...WITH_SBIN } }).status === 0

/** A program that runs beside the benchmark until `stopAll`. `ready` gives a port to wait for. */
export async function start(program, args, { ready, env, ...options } = {}) {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: env === undefined ? process.env : { ...process.env, ...env },
    ...options,
  })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-20_000)))
  child.on('error', (error) => (output += error.message))
  child.on('exit', () => running.delete(child))
  const process_ = {
    pid: child.pid,
    child,
    output: () => output,
    stop: () => stop(child),
  }
  if (ready !== undefined) {
    for (let attempt = 0; !(await accepts(ready)); attempt++) {
      if (attempt > 200 || child.exitCode !== null) throw new Error(`${program} does not start:\n${output}`)
      await pause(50)
    }
  }
  return process_
}

/** Runs a program to its end; throws with what it said where it fails. `onError` gets what it says on the way. */
export async function run(program, args, { env, input, onError, ...options } = {}) {
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: env === undefined ? process.env : { ...process.env, ...env },
    ...options,
  })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
    onError?.(text)
  })
  child.stdin?.end(input)
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  running.delete(child)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
  return { stdout, stderr }
}

function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  return gone.finally(() => clearTimeout(timer))
}

export const stopAll = () => Promise.all([...running].map(stop))

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
