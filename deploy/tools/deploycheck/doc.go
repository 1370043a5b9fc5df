// Command deploycheck holds the files of deploy/ to the libraries that Docker, Docker Compose and kubectl read them
// with. It has a module of its own: what it needs is not Duolog's.
//
//	deploycheck dockerfile FILE      BuildKit's `docker build --check`, of every stage
//	deploycheck context FILE TO      copies what FILE.dockerignore lets into the build
//	deploycheck static FILE          whether a program starts without a loader and libraries of the system
//	deploycheck compose FILE         the loader of Docker Compose
//	deploycheck broker FILE DIR      writes what compose gives its Kafka as server.properties and cluster.id
//	deploycheck kustomize DIR        prints what kubectl apply -k would send, once the types of the API server and the
//	                                 admission of its namespace take it
package main
