// The little that client.ts uses of Node.js.

declare module "node:fs/promises" {
  export function readFile(file: URL, encoding: "utf-8"): Promise<string>;
}

declare const process: { argv: string[]; env: Record<string, string | undefined> };
