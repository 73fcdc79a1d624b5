export function wantsEmulator(args: readonly string[], environment?: NodeJS.ProcessEnv): boolean
