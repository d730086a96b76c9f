/** `15:42`, local time; with the date where it is not today. */
export function clockTime(iso: string, now: Date): string {
  const time = new Date(iso)
  const clock = `${String(time.getHours()).padStart(2, '0')}:${String(time.getMinutes()).padStart(2, '0')}`
  if (time.toDateString() === now.toDateString()) return clock
  return `${time.getFullYear()}-${String(time.getMonth() + 1).padStart(2, '0')}-${String(time.getDate()).padStart(2, '0')} ${clock}`
}
