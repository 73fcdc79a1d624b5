export interface Progress {
  say(text: string): void
  during<T>(name: string, work: (tell: (news: string) => void) => Promise<T>): Promise<T>
}

export function openProgress(
  stream?: { write(text: string): unknown; isTTY?: boolean; columns?: number },
  writeEveryMs?: number,
): Progress
