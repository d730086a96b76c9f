import { spawn } from 'node:child_process'
import { findProgram } from '../../shared/find-program.ts'

/** Shows a notification by the desktop's own program; undefined where there is no desktop, or no such program. */
export function desktopNotifier(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): ((title: string, body: string) => void) | undefined {
  const make = commandFor(environment, platform)
  const program = make && findProgram(make('', '')[0], environment)
  if (make === undefined || program === undefined) return undefined
  return (title, body) => {
    const [, ...args] = make(title, body)
    // Given as arguments of their own: nothing of it is read by a shell or as a script.
    const child = spawn(program, args, { stdio: 'ignore', env: environment })
    child.on('error', () => {})
    child.unref()
  }
}

type Command = [program: string, ...args: string[]]

function commandFor(
  environment: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): ((title: string, body: string) => Command) | undefined {
  if (platform === 'darwin') {
    const script = ['on run argv', 'display notification (item 2 of argv) with title (item 1 of argv)', 'end run']
    return (title, body) => ['osascript', ...script.flatMap((line) => ['-e', line]), title, body]
  }
  const hasDesktop = (environment['DISPLAY'] ?? environment['WAYLAND_DISPLAY'] ?? '') !== ''
  if (platform !== 'linux' || !hasDesktop) return undefined
  // The body may be markup (Desktop Notifications Specification, "Markup").
  return (title, body) => [
    'notify-send',
    '--app-name=pamctl',
    '--',
    title,
    body.replaceAll('&', '&amp;').replaceAll('<', '&lt;'),
  ]
}
