print("serves MCP")
