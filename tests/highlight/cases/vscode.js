// Runs the VS Code client between stand-ins for the editor and the language client, and prints what
// it asked of them, a line each. Argument: the folder of the extension.

const Module = require("node:module");

const say = (...words) => console.log(...words);
const handlers = {};
let command = ["${workspaceFolder}/bin/qdsl", "lsp"];
let broken = false;

class LanguageClient {
  constructor(id, name, server, options) {
    this.server = server;
    say("client", id, options.documentSelector[0].language);
  }
  async start() {
    if (broken) throw new Error("not found");
    say("start", this.server.command, ...this.server.args);
  }
  async stop() {
    say("stop");
  }
}

const vscode = {
  commands: {
    registerCommand: (id, handler) => (handlers[id] = handler),
    executeCommand: async (...words) => say("execute", ...words),
  },
  window: {
    showErrorMessage: async (message, choice) => {
      say("error", message);
      return choice;
    },
  },
  workspace: {
    workspaceFolders: [{ uri: { fsPath: "/home" } }],
    getConfiguration: () => ({ get: () => command }),
    createFileSystemWatcher: (pattern) => pattern,
    onDidChangeConfiguration: (handler) => (handlers.change = handler),
  },
};

const load = Module._load;
Module._load = (name, ...rest) =>
  ({ vscode, "vscode-languageclient/node": { LanguageClient } })[name] ?? load(name, ...rest);

async function main() {
  const extension = require(process.argv[2]);
  await extension.activate({ subscriptions: [] });
  command = ["elsewhere"];
  await handlers.change({ affectsConfiguration: (section) => section === "qspec.server" });
  broken = true;
  await handlers["qspec.restart"]();
  await extension.deactivate();
}

main();
