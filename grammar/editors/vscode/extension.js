// Starts the language server of the qdsl package for .qspec files and talks to it over stdio.

const { commands, window, workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

/** The program and its arguments, from the settings. */
function serverCommand() {
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const words = workspace.getConfiguration("qspec").get("server.command", ["qdsl", "lsp"]);
  return words.map((word) => word.replaceAll("${workspaceFolder}", folder));
}

/** Starts the server; colours and snippets work without it, so that a failure is only told. */
async function start() {
  const [command, ...args] = serverCommand();
  client = new LanguageClient("qspec", "qspec", { command, args }, {
    documentSelector: [{ scheme: "file", language: "qspec" }],
    synchronize: { fileEvents: workspace.createFileSystemWatcher("**/*.qspec") },
  });
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    const choice = await window.showErrorMessage(
      `qspec: cannot start \`${[command, ...args].join(" ")}\`: ${error.message}`,
      "Open Settings",
    );
    if (choice) {
      await commands.executeCommand("workbench.action.openSettings", "qspec.server.command");
    }
  }
}

/** Ends the server, if one runs. */
async function stop() {
  const running = client;
  client = undefined;
  await running?.stop();
}

async function restart() {
  await stop();
  await start();
}

async function activate(context) {
  context.subscriptions.push(
    commands.registerCommand("qspec.restart", restart),
    workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("qspec.server")) return restart();
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
